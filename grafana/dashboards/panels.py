"""How panels look: defaults, colours and the few kinds of panel in use. The one place for looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from grafana_foundation_sdk.builders import bargauge, common, dashboard, logs, loki, prometheus, stat, table, timeseries
from grafana_foundation_sdk.models.common import (
    BarGaugeDisplayMode,
    BarGaugeNamePlacement,
    BigValueColorMode,
    BigValueGraphMode,
    DataSourceRef,
    GraphDrawStyle,
    LegendDisplayMode,
    LegendPlacement,
    LogsSortOrder,
    SortOrder,
    StackingMode,
    TableAutoCellOptions,
    TableCellBackgroundDisplayMode,
    TableColoredBackgroundCellOptions,
    TooltipDisplayMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from analytics.verdicts import LEVELS

PROMETHEUS: Final = DataSourceRef(type_val="prometheus", uid="${prometheus_datasource}")
LOKI: Final = DataSourceRef(type_val="loki", uid="${loki_datasource}")

COLOURS: Final[Mapping[str, str]] = {
    "info": "blue",
    "low": "green",
    "medium": "yellow",
    "high": "orange",
    "critical": "red",
    "initializing": "super-light-blue",
    "insufficient": "text",
    "success": "green",
    "not_enough_data": "yellow",
    "failed": "red",
}
"""Colour by severity, level, status or outcome; the word always stands beside it."""

NO_DATA: Final = "no data"

AnyPanel = TypeVar("AnyPanel", timeseries.Panel, stat.Panel, bargauge.Panel, table.Panel, logs.Panel)
PanelBuilder = timeseries.Panel | stat.Panel | bargauge.Panel | table.Panel | logs.Panel


def _titled(panel: AnyPanel, title: str, description: str, source: DataSourceRef) -> AnyPanel:
    return panel.title(title).description(description).datasource(source)


def series_panel(title: str, description: str, unit: str, source: DataSourceRef = PROMETHEUS) -> timeseries.Panel:
    """Lines over time with a table of names under them."""
    legend = common.VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
    tooltip = common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING)
    panel = timeseries.Panel().unit(unit).no_value(NO_DATA).legend(legend.show_legend(show_legend=True))
    panel = (
        panel.tooltip(tooltip)
        .line_width(2)
        .fill_opacity(8)
        .show_points(VisibilityMode.AUTO)
        .span_nulls(span_nulls=False)
    )
    return _titled(panel.axis_soft_min(0), title, description, source)


def bars_panel(title: str, description: str, unit: str, source: DataSourceRef = PROMETHEUS) -> timeseries.Panel:
    """Stacked bars over time, for how many of each kind."""
    panel = series_panel(title, description, unit, source).draw_style(GraphDrawStyle.BARS).line_width(1)
    return panel.fill_opacity(70).stacking(common.StackingConfig().mode(StackingMode.NORMAL).group("A"))


def stat_panel(title: str, description: str, unit: str, source: DataSourceRef = PROMETHEUS) -> stat.Panel:
    """The newest value, large, over its course."""
    newest = common.ReduceDataOptions().calcs(["lastNotNull"]).values(values=False)
    panel = stat.Panel().unit(unit).no_value(NO_DATA).reduce_options(newest)
    panel = panel.graph_mode(BigValueGraphMode.AREA).color_mode(BigValueColorMode.VALUE)
    return _titled(panel, title, description, source)


def ranking_panel(title: str, description: str, unit: str, source: DataSourceRef = PROMETHEUS) -> bargauge.Panel:
    """One horizontal bar a name."""
    newest = common.ReduceDataOptions().calcs(["lastNotNull"]).values(values=False)
    panel = bargauge.Panel().unit(unit).no_value(NO_DATA).min(0).reduce_options(newest)
    panel = panel.orientation(VizOrientation.HORIZONTAL).display_mode(BarGaugeDisplayMode.BASIC)
    return _titled(panel.name_placement(BarGaugeNamePlacement.LEFT), title, description, source)


def table_panel(title: str, description: str, unit: str, source: DataSourceRef = PROMETHEUS) -> table.Panel:
    """Rows and columns; ``unit`` is that of the numbers without an override."""
    panel = table.Panel().unit(unit).no_value(NO_DATA).cell_options(TableAutoCellOptions())
    return _titled(panel, title, description, source)


def logs_panel(title: str, description: str) -> logs.Panel:
    """Log lines, newest first, coloured by their level."""
    panel = logs.Panel().show_time(show_time=True).wrap_log_message(wrap_log_message=True)
    panel = panel.enable_log_details(enable_log_details=True).sort_order(LogsSortOrder.DESCENDING)
    return _titled(panel, title, description, LOKI)


def ask_prometheus(expression: str, legend: str = "", ref: str = "A") -> prometheus.Dataquery:
    """A query over the time range."""
    query = prometheus.Dataquery().datasource(PROMETHEUS).expr(expression).ref_id(ref).range()
    return query.legend_format(legend) if legend else query


def ask_prometheus_now(expression: str, legend: str = "", ref: str = "A") -> prometheus.Dataquery:
    """A query at the end of the time range."""
    query = prometheus.Dataquery().datasource(PROMETHEUS).expr(expression).ref_id(ref).instant()
    return query.legend_format(legend) if legend else query


def ask_prometheus_for_rows(expression: str, ref: str = "A") -> prometheus.Dataquery:
    """A query at the end of the time range, one row a series, labels as columns."""
    return ask_prometheus_now(expression, ref=ref).format(PromQueryFormat.TABLE)


def ask_loki(expression: str, legend: str = "", ref: str = "A") -> loki.Dataquery:
    """A metric query over the time range."""
    query = loki.Dataquery().datasource(LOKI).expr(expression).ref_id(ref).query_type("range")
    return query.legend_format(legend) if legend else query


def ask_loki_now(expression: str, legend: str = "", ref: str = "A") -> loki.Dataquery:
    """A metric query at the end of the time range."""
    query = loki.Dataquery().datasource(LOKI).expr(expression).ref_id(ref).query_type("instant")
    return query.legend_format(legend) if legend else query


def ask_loki_for_lines(expression: str, most: int, ref: str = "A") -> loki.Dataquery:
    """The newest lines, ``most`` at most."""
    return loki.Dataquery().datasource(LOKI).expr(expression).ref_id(ref).query_type("range").max_lines(most)


def steps(first_colour: str, *further: tuple[float, str]) -> dashboard.ThresholdsConfig:
    """Thresholds: a colour from below, then a colour from each value on."""
    begin = Threshold(value=None, color=first_colour)
    return (
        dashboard.ThresholdsConfig()
        .mode(ThresholdsMode.ABSOLUTE)
        .steps([begin, *(Threshold(value=value, color=colour) for value, colour in further)])
    )


def level_steps() -> dashboard.ThresholdsConfig:
    """Thresholds at the borders of the levels of risk."""
    rising = sorted(LEVELS, key=lambda pair: pair[1])
    return steps(COLOURS[rising[0][0]], *((least, COLOURS[level]) for level, least in rising[1:]))


def shaded(colour: FieldColorModeId) -> dashboard.FieldColor:
    """The higher, the deeper the colour."""
    return dashboard.FieldColor().mode(colour)


def filled_cells() -> DynamicConfigValue:
    """Cells of a table filled with the colour of their value."""
    cell = TableColoredBackgroundCellOptions(mode=TableCellBackgroundDisplayMode.BASIC)
    return DynamicConfigValue(id_val="custom.cellOptions", value=cell.to_json())


def by_steps() -> dashboard.FieldColor:
    """Colour by the thresholds."""
    return dashboard.FieldColor().mode(FieldColorModeId.THRESHOLDS)


def fixed_colour(colour: str) -> DynamicConfigValue:
    """One colour for a field."""
    return DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": colour})


def coloured_by_name(panel: AnyPanel, names: Sequence[str]) -> AnyPanel:
    """Colour series whose name ends in a severity, level or outcome accordingly."""
    for name in names:
        panel = panel.override_by_regexp(f"/(^| ){name}$/", [fixed_colour(COLOURS[name])])
    return panel


def on_right_axis(unit: str, colour: str) -> list[DynamicConfigValue]:
    """Properties of a line that is laid over bars with an axis of its own."""
    custom: dict[str, Any] = {
        "drawStyle": "line",
        "axisPlacement": "right",
        "fillOpacity": 0,
        "lineWidth": 2,
        "stacking": {"mode": "none", "group": "B"},
    }
    properties = [DynamicConfigValue(id_val=f"custom.{name}", value=value) for name, value in custom.items()]
    return [DynamicConfigValue(id_val="unit", value=unit), fixed_colour(colour), *properties]


def transformation(name: str, **options: Any) -> DataTransformerConfig:
    """A Grafana transformation with its options."""
    return DataTransformerConfig(id_val=name, options=options)


def shown_as(text: str, *further: DynamicConfigValue) -> list[DynamicConfigValue]:
    """Properties of a column: its heading and what else it has."""
    return [DynamicConfigValue(id_val="displayName", value=text), *further]


def with_unit(unit: str, decimals: int | None = None) -> list[DynamicConfigValue]:
    """Properties of a column that has a unit of its own."""
    exactness = [] if decimals is None else [DynamicConfigValue(id_val="decimals", value=decimals)]
    return [DynamicConfigValue(id_val="unit", value=unit), *exactness]


def width(pixels: int) -> DynamicConfigValue:
    """Width of a column."""
    return DynamicConfigValue(id_val="custom.width", value=pixels)


def columns_from_labels(*columns: str) -> list[DataTransformerConfig]:
    """Turn log lines into rows: the labels that a LogQL query kept become columns, in this order."""
    return [
        transformation("extractFields", source="labels", format="json", replace=True, keepTime=False),
        transformation("organize", indexByName={name: place for place, name in enumerate(columns)}),
    ]


def as_numbers(*columns: str) -> DataTransformerConfig:
    """Labels are texts; these columns are numbers."""
    return transformation(
        "convertFieldType", conversions=[{"targetField": name, "destinationType": "number"} for name in columns]
    )
