package rollup

import "encoding/json"

// templatePriority is above the built-in templates of Elasticsearch (100) and of common installations (200).
const templatePriority = 500

// Template is the body of the index template for all tiers of the rollup d. Its mapping is strict: a document that does not fit the definition is an
// error, not a new field. The indices go by the lifecycle policy that is named, and begin on hot nodes then; empty is none.
func Template(prefix string, d *Definition, policy string) ([]byte, error) {
	var patterns []string
	for _, t := range d.Chain() {
		patterns = append(patterns, IndexPattern(prefix, d.Name, t))
	}
	settings := indexSettings("best_compression")
	if policy != "" {
		index, _ := settings["index"].(object)
		index["lifecycle"] = object{"name": policy}
		index["routing"] = object{"allocation": object{"include": object{"_tier_preference": "data_hot,data_content"}}}
	}
	return json.Marshal(object{
		"index_patterns": patterns,
		"priority":       templatePriority,
		"template":       object{"settings": settings, "mappings": DocumentMapping(d)},
		"_meta":          object{"managed_by": "tidemark", "rollup": d.Name, "definition": d.Hash()},
	})
}

// ProgressIndexBody is the body that creates the progress index.
func ProgressIndexBody() ([]byte, error) {
	return json.Marshal(object{"settings": indexSettings("default"), "mappings": progressMapping()})
}

// ProgressMapping is the mapping of the progress index, for one that exists.
func ProgressMapping() ([]byte, error) { return json.Marshal(progressMapping()) }

type object map[string]any

func indexSettings(codec string) object {
	return object{"index": object{
		"number_of_shards":     1,
		"auto_expand_replicas": "0-1", // one node is green, two and more keep a copy
		"refresh_interval":     "1s",  // named, so that an index that nobody searches is refreshed too
		"codec":                codec,
	}}
}

func field(kind string) object { return object{"type": kind} }

func dateField() object { return object{"type": "date", "format": "epoch_millis"} }

// DocumentMapping is the mapping of a rollup's documents.
func DocumentMapping(d *Definition) map[string]any {
	dimensions, measures, conditions, distinct := object{}, object{}, object{}, object{}
	for _, f := range d.Dimensions {
		dimensions[f.Name] = field("keyword")
	}
	for _, f := range d.Measures {
		measures[f.Name] = object{"properties": object{
			"count": field("long"), "sum": field("double"), "min": field("double"), "max": field("double"), "sketch": field("binary"),
		}}
	}
	for _, c := range d.Conditions {
		conditions[c.Name] = field("long")
	}
	for _, f := range d.Distinct {
		distinct[f.Name] = field("binary")
	}
	return object{
		"dynamic": "strict",
		"properties": object{
			FieldTime: dateField(), FieldPartition: field("keyword"), FieldTopicID: field("keyword"), FieldGrouping: field("keyword"), FieldDefinition: field("keyword"),
			FieldLate: field("boolean"), FieldArrived: dateField(), FieldOverflow: field("boolean"), FieldLateCount: field("long"),
			FieldCount: field("long"), FieldBytes: field("long"),
			"dim": object{"properties": dimensions},
			"m":   object{"properties": measures},
			"c":   object{"properties": conditions},
			"d":   object{"properties": distinct},
		},
	}
}

func progressMapping() object {
	ledger := object{}
	for _, name := range LedgerCounters {
		ledger[name] = field("long")
	}
	return object{
		"dynamic": "strict",
		"properties": object{
			"kind": field("keyword"), "rollup": field("keyword"), "stream": field("keyword"), "partition": field("keyword"),
			"topic_id": field("keyword"), "definition": field("keyword"), "owner": field("keyword"),
			"sealed_through": dateField(), "watermark": dateField(), "since": dateField(), "updated_at": dateField(),
			"next_offset": field("long"), "end_offset": field("long"), "lag": field("long"), "lineage": field("long"), "commit": field("long"),
			"ledger": object{"properties": ledger}, "partitions": field("keyword"), "spec": object{"type": "object", "enabled": false},
		},
	}
}
