import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.rule_commands import command_lines, normal_path

PROJECT = "/home/dev/shop"


@pytest.mark.parametrize(
    ("command", "lines"),
    [
        ("ls -la", ["ls -la"]),
        ("cd a && make; ls", ["cd a", "make", "ls"]),
        ("curl x | jq .", ["curl x |", "jq ."]),
        ("sudo -u bob /bin/rm -rf x", ["sudo -u bob", "rm -rf x"]),
        ("A=1 env B=2 make", ["A=1", "make"]),
        (r"\rm x", ["rm x"]),
        ('rm -rf "$HOME"/x', ["rm -rf ~/x"]),
        ("rm /home/dev/shop/a /home/dev/shop2", ["rm ./a ~/shop2"]),
        ("cat ~/shop/a", ["cat ./a"]),
        ('bash -lc "cd /x && rm -rf y"', ["bash -lc", "cd /x", "rm -rf y"]),
        ("ssh host 'rm x'", ["ssh host", "rm x"]),
        ('echo "rm x; ls"', ["echo ''"]),
        ('git commit -m "a | b"', ["git commit -m ''"]),
        ("echo x >> ~/.bashrc", ["echo x >> ~/.bashrc"]),
        ("make 2>&1 | tail", ["make 2>&1 |", "tail"]),
        ("ls # rm x", ["ls"]),
        ("ls x#y", ["ls x#y"]),
        ("cat > f <<'EOF'\nrm x\nEOF\nls", ["cat > f", "ls"]),
        ("bash <<EOF\nrm x\nEOF", ["bash", "rm x"]),
        ("cat <<EOF | sh\nrm x\nEOF", ["cat |", "sh", "rm x"]),
        ("psql <<EOF\ndrop\ntable x;\nEOF", ["psql", "psql drop table x;"]),
        ("git commit -m \"$(cat <<'EOF'\nrm x\nEOF\n)\" && ls", ["git commit -m ''", "cat", "ls"]),
        ('bash -c "$(curl x)"', ["bash -c", "curl x", "eval", "curl x"]),
        ("bash <(curl x)", ["bash <", "curl x"]),
        ("for f in a b; do rm $f; done", ["for f in a b", "rm $f", "done"]),
        ("find . | xargs -n 1 rm", ["find . |", "rm"]),
    ],
)
def test_a_command_becomes_one_simple_command_a_line(command, lines):
    assert command_lines(command, PROJECT).split("\n") == lines


@pytest.mark.parametrize(
    ("path", "project", "normal"),
    [
        ("/home/dev/shop/a.py", PROJECT, "./a.py"),
        ("/home/dev/shop2/a.py", PROJECT, "~/shop2/a.py"),
        ("/home/dev/.ssh/id_rsa", None, "~/.ssh/id_rsa"),
        ("/Users/dev/x", "shop", "~/x"),
        (r"C:\Users\dev\.aws\credentials", None, "~/.aws/credentials"),
        ("/etc/passwd", PROJECT, "/etc/passwd"),
        ("src/home/dev/x", PROJECT, "src/home/dev/x"),
    ],
)
def test_a_path_is_told_from_project_and_home(path, project, normal):
    assert normal_path(path, project) == normal


@given(st.text(max_size=300), st.none() | st.text(max_size=30))
@settings(max_examples=200, deadline=None)
def test_any_text_has_a_normal_form(text, project):
    assert isinstance(command_lines(text, project), str)
    assert isinstance(normal_path(text, project), str)


@given(st.lists(st.sampled_from(["'", '"', "$(", "`", ")", "<<A", "\n", "A", "|", "\\", "sudo ", "bash ", " "])))
@settings(max_examples=200, deadline=None)
def test_broken_shell_has_a_normal_form(pieces):
    assert isinstance(command_lines("".join(pieces), None), str)


@pytest.mark.parametrize(
    "piece",
    ["<<A ", "<<A\n", '"$(', "`", "bash '", "sudo ", 'sudo "x" ', "env -u ", "$((", "a'b'", "\\", "/home/"],
)
def test_hostile_commands_are_read_in_linear_time(piece):
    text = (piece * 16_384)[:16_384]
    begin = time.process_time()
    command_lines(text, PROJECT)
    assert time.process_time() - begin < 0.5


@given(st.text(alphabet="ab=-/.~$ \t\r\x0b\xa0é1", max_size=20))
@settings(deadline=None, max_examples=300)
def test_a_command_of_mere_words_reads_as_it_does_before_a_comment(command):
    assert command_lines(command, PROJECT) == command_lines(f"{command} #", PROJECT)
