"""What a project is made of: file names and the shell commands people and agents run in it.

Commands are templates over ``{file}``, ``{folder}``, ``{word}`` and ``{n}``. ``ODD`` holds what looks alarming and
is not: ordinary work deletes build folders, forces pushes, decodes base64 and reads its own ``.env``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Stack:
    """One kind of project: where its files lie, how they are called, how it is tested, built and run."""

    folders: tuple[str, ...]
    stems: tuple[str, ...]
    suffix: str
    test: tuple[str, ...]
    build: tuple[str, ...]
    odd: tuple[str, ...]


LOOK: Final = (
    "ls -la {folder}",
    "cat {file} | head -{n}",
    "sed -n '1,{n}p' {file}",
    "rg -n '{word}' {folder}",
    "git status --short",
    "git diff --stat",
    "git log --oneline -{n}",
    "wc -l {file}",
    "find {folder} -name '*{word}*' -not -path '*/node_modules/*'",
    "tail -n {n} logs/{word}.log",
    "du -sh {folder}",
    "git show HEAD~1 --stat | head -{n}",
)
GIT: Final = (
    "git add -A && git commit -m 'fix {word} handling'",
    "git diff {file}",
    "git checkout -b feature/{word}-{n}",
    "git stash && git pull --rebase && git stash pop",
    "git push -u origin feature/{word}",
    "gh pr view {n} --json title,files",
    "gh pr create --fill --base main",
    "git rebase main",
    "git add {file} && git commit -m 'add {word} tests'",
)
ODD: Final = (
    "git push --force-with-lease origin feature/{word}",
    "cat .env | grep -v KEY",
    "cat .env.example",
    "echo eyJ3b3JkIjoi{n}In0= | base64 -d",
    "curl -s http://localhost:8080/api/{word}/{n} | python3 -m json.tool",
    "for i in 1 2 3 4 5; do curl -sf http://localhost:8080/health && break; sleep 2; done",
    "rm -rf /tmp/{word}-{n} && mkdir -p /tmp/{word}-{n}",
    "ps aux | grep {word}",
    "lsof -i :8080 | tail -{n}",
    "kill $(lsof -t -i :8080) || true",
    "chmod +x scripts/{word}.sh",
    "nc -z localhost 5432 && echo up",
    "git reset --hard HEAD~1",
    "env | grep {word}",
    "ls ~/.config/{word}",
    "cat /etc/hosts | grep {word}",
)
POLL: Final = ("sleep 20 && tail -n 20 logs/{word}.log", "gh run view {n} --json status")

STACKS: Final = {
    "python": Stack(
        folders=("app", "app/orders", "app/billing", "app/search", "tests", "migrations"),
        stems=("models", "service", "routes", "schemas", "client", "tasks", "report", "cache", "auth", "test_api"),
        suffix=".py",
        test=("pytest -q", "pytest -q {file}", "pytest -x -k {word}", "python -m pytest {folder} --tb=short"),
        build=("ruff check . && mypy app", "uv sync", "docker compose build api", "alembic upgrade head"),
        odd=("rm -rf .venv && uv sync", "rm -rf __pycache__ .pytest_cache", "pip install --upgrade {word}"),
    ),
    "node": Stack(
        folders=("src", "src/components", "src/pages", "src/api", "src/hooks", "test"),
        stems=("index", "Cart", "Checkout", "useOrders", "client", "router", "store", "Table", "theme", "login.test"),
        suffix=".ts",
        test=("npm test -- {file}", "npx vitest run {word}", "npm run lint", "npx tsc --noEmit"),
        build=("npm run build 2>&1 | tail -{n}", "npm ci", "pnpm -r build", "npx prettier --write {file}"),
        odd=("rm -rf node_modules && npm ci", "rm -rf dist .next", "npm install -g {word}@latest"),
    ),
    "go": Stack(
        folders=("cmd/server", "internal/store", "internal/http", "internal/queue", "pkg/config"),
        stems=("server", "handler", "queue", "worker", "config", "store", "retry", "metrics", "store_test"),
        suffix=".go",
        test=("go test ./...", "go test ./internal/... -run {word}", "go vet ./...", "golangci-lint run"),
        build=("go build ./...", "go mod tidy", "make build", "docker build -t {word}:dev ."),
        odd=("go clean -cache -testcache", "rm -rf bin/ dist/", "sudo lsof -i :{n}"),
    ),
    "infra": Stack(
        folders=("modules/network", "modules/cluster", "environments/staging", "charts/api", "scripts"),
        stems=("main", "variables", "outputs", "values", "deployment", "ingress", "backup", "rotate"),
        suffix=".tf",
        test=("terraform validate", "terraform plan -out plan.bin", "helm lint charts/api", "tflint"),
        build=("terraform init -upgrade", "helm template charts/api", "kubectl get pods -n staging"),
        odd=(
            "kubectl delete pod api-{n} -n staging",
            "kubectl get secret {word} -n staging -o jsonpath='{{.data.ca}}' | base64 -d | openssl x509 -noout",
            "aws s3 ls s3://{word}-artifacts",
            "ssh staging-{n} uptime",
        ),
    ),
}  # fmt: skip

WORDS: Final = (
    "order", "invoice", "session", "retry", "timeout", "cart", "export", "queue", "metrics", "header", "locale",
    "upload", "webhook", "filter", "token", "pager", "ledger", "index", "schema", "avatar", "digest", "quota",
)  # fmt: skip
