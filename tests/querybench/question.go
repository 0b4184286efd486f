package main

import (
	"fmt"
	"strings"
	"time"
)

// question is what one panel asks, of a rollup and of the raw documents.
type question struct {
	name string
	// query is the panel's query of the data source, as JSON.
	query string
	// metric is the aggregation of the raw documents, "" for their number; dimension is the field of the groups, "" for none.
	metric, dimension string
}

// dashboard is the four panels of a dashboard.
var dashboard = []question{
	{name: "count", query: `{"rollup":"log_writes","stat":"count"}`},
	{name: "count by path", query: `{"rollup":"log_writes","stat":"count","groupBy":["path"],"top":10}`, dimension: "log.file.path"},
	{name: "average of offset by path", query: `{"rollup":"log_writes","stat":"avg","measure":"offset","groupBy":["path"],"top":10}`, metric: "avg", dimension: "log.file.path"},
	{name: "maximum of offset by path", query: `{"rollup":"log_writes","stat":"max","measure":"offset","groupBy":["path"],"top":10}`, metric: "max", dimension: "log.file.path"},
}

// longRange is what is asked of 30 days.
var longRange = []question{
	{name: "count by host and path, top 10", query: `{"rollup":"log_writes","stat":"count","groupBy":["host","path"],"top":10}`},
	{name: "average of offset by host and path, top 10", query: `{"rollup":"log_writes","stat":"avg","measure":"offset","groupBy":["host","path"],"top":10}`},
}

// timeRange is what a dashboard shows at a moment, with the length of its points.
type timeRange struct {
	from, to int64
	interval time.Duration
}

// raw is the search that Grafana's Elasticsearch data source makes of the question.
func (q question) raw(r timeRange) string {
	metric, order := "", "_count"
	if q.metric != "" {
		metric, order = fmt.Sprintf(`"1":{%q:{"field":"log.offset"}}`, q.metric), "1"
	}
	aggregations := fmt.Sprintf(
		`{"2":{"date_histogram":{"field":"@timestamp","fixed_interval":"%ds","min_doc_count":0,"extended_bounds":{"min":%d,"max":%d},"format":"epoch_millis"}%s}}`,
		int64(r.interval.Seconds()), r.from, r.to, within(metric))
	if q.dimension != "" {
		further := ""
		if metric != "" {
			further = metric + ","
		}
		aggregations = fmt.Sprintf(`{"3":{"terms":{"field":%q,"size":10,"order":{%q:"desc"},"min_doc_count":1},"aggs":{%s%s}}`,
			q.dimension, order, further, strings.TrimPrefix(aggregations, "{"))
	}
	return fmt.Sprintf(`{"size":0,"query":{"bool":{"filter":[{"range":{"@timestamp":{"gte":%d,"lte":%d,"format":"epoch_millis"}}}]}},"aggs":%s}`, r.from, r.to, aggregations)
}

func within(metric string) string {
	if metric == "" {
		return ""
	}
	return `,"aggs":{` + metric + `}`
}
