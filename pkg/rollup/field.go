package rollup

// The names of a rollup document's fields.
const (
	FieldTime       = "@timestamp"
	FieldPartition  = "partition"
	FieldTopicID    = "topic_id"
	FieldGrouping   = "grouping"
	FieldDefinition = "definition"
	FieldLate       = "late"
	FieldArrived    = "arrived"
	FieldOverflow   = "overflow"
	FieldLateCount  = "late_count"
	FieldCount      = "count"
	FieldBytes      = "bytes"
	FieldDocCount   = "_doc_count"
)

// DimensionField is the document field of a dimension.
func DimensionField(name string) string { return "dim." + name }

// MeasureField is the document field of one aggregate ("count", "sum", "min", "max" or "sketch") of a measure.
func MeasureField(name, aggregate string) string { return "m." + name + "." + aggregate }

// ConditionField is the document field that counts the events which met a condition.
func ConditionField(name string) string { return "c." + name }

// DistinctField is the document field of the distinct values' sketch.
func DistinctField(name string) string { return "d." + name }
