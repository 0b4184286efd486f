package embedded

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// kind is a field's type.
type kind uint8

const (
	keywordKind kind = iota
	longKind
	doubleKind
	dateKind
	booleanKind
	binaryKind
)

var kindNames = map[string]kind{
	"keyword": keywordKind, "long": longKind, "double": doubleKind, "date": dateKind, "boolean": booleanKind, "binary": binaryKind,
}

func (k kind) String() string {
	for name, other := range kindNames {
		if other == k {
			return name
		}
	}
	return "unknown"
}

// numeric reports whether values can be added and compared as numbers.
func (k kind) numeric() bool { return k != keywordKind && k != binaryKind }

// otherKinds are field types of Elasticsearch that the store does not have.
var otherKinds = []string{
	"text", "integer", "short", "byte", "float", "half_float", "scaled_float", "unsigned_long", "date_nanos", "ip", "geo_point", "nested", "flattened",
	"wildcard", "constant_keyword", "alias", "histogram", "version", "completion", "join", "dense_vector", "counted_keyword",
}

const epochMillis = "epoch_millis"

// field is one mapped field. Its ordinal is its place in a chunk's columns and never changes.
type field struct {
	name    string
	kind    kind
	format  string // of dates; "" is Elasticsearch's default
	ordinal int
}

// mapping is immutable; a change makes another one that keeps the ordinals.
type mapping struct {
	body    object // as it is shown
	fields  []*field
	byName  map[string]*field
	objects map[string]objectField // by path; "" is the document
}

type objectField struct {
	dynamic  string // "strict", "false" or "true"
	disabled bool
}

// parseMapping reads a mapping; old, where not nil, is what it was before.
func parseMapping(body object, old *mapping) (*mapping, *failure) {
	m := &mapping{body: object{}, byName: map[string]*field{}, objects: map[string]objectField{}}
	if old != nil {
		m.fields = slices.Clone(old.fields)
		maps.Copy(m.byName, old.byName)
		m.body = deepCopy(old.body)
	}
	if f := mergeMapping(m.body, body); f != nil {
		return nil, f
	}
	if f := m.readObject("", m.body, "true", true); f != nil {
		return nil, f
	}
	return m, nil
}

func deepCopy(o object) object {
	c := make(object, len(o))
	for k, v := range o {
		if inner, ok := v.(object); ok {
			v = deepCopy(inner)
		}
		c[k] = v
	}
	return c
}

func mappingFailure(format string, args ...any) *failure {
	cause := badRequest("mapper_parsing_exception", format, args...)
	return &failure{status: cause.status, kind: cause.kind, reason: "Failed to parse mapping: " + cause.reason, cause: cause}
}

// mergeMapping lays one mapping over another: properties are added, other settings replaced.
func mergeMapping(into, from object) *failure {
	for key, value := range from {
		if key != "properties" {
			into[key] = value
			continue
		}
		properties, ok := value.(object)
		if !ok {
			return mappingFailure("Expected map for property [properties] but got a value of another type")
		}
		for _, name := range slices.Sorted(maps.Keys(properties)) {
			if f := mergeProperty(into, name, properties[name]); f != nil {
				return f
			}
		}
	}
	return nil
}

func mergeProperty(into object, name string, value any) *failure {
	property, ok := value.(object)
	if !ok {
		return mappingFailure("Expected map for property [fields] on field [%s] but got a value of another type", name)
	}
	if head, rest, dotted := strings.Cut(name, "."); dotted { // a.b is b within a
		return mergeProperty(into, head, object{"properties": object{rest: property}})
	}
	if name == "" {
		return mappingFailure("field name cannot be an empty string")
	}
	existing, ok := into["properties"].(object)
	if !ok {
		existing = object{}
		into["properties"] = existing
	}
	before, ok := existing[name].(object)
	if !ok {
		before = object{}
		existing[name] = before
	} else if a, b := typeOf(before), typeOf(property); a != b {
		return illegal("mapper [%s] cannot be changed from type [%s] to [%s]", name, a, b)
	} else if from, to := before["format"], property["format"]; a == "date" && from != to {
		return illegal("Mapper for [%s] conflicts with existing mapper: Cannot update parameter [format] from [%v] to [%v]", name, from, to)
	}
	return mergeMapping(before, property)
}

func typeOf(property object) string {
	if t, ok := property["type"].(string); ok {
		return t
	}
	return "object"
}

func (m *mapping) readObject(path string, body object, dynamic string, enabled bool) *failure {
	o := objectField{dynamic: dynamic, disabled: !enabled}
	for _, key := range slices.Sorted(maps.Keys(body)) {
		switch key {
		case "properties":
		case "dynamic":
			text, err := json.Marshal(body[key])
			o.dynamic = strings.Trim(string(text), `"`)
			if err != nil || !slices.Contains([]string{"strict", "true", "false"}, o.dynamic) {
				return unsupported("dynamic [%s] in a mapping", text)
			}
		case "enabled":
			on, ok := body[key].(bool)
			if !ok {
				return mappingFailure("enabled of [%s] must be true or false", path)
			}
			o.disabled = !on
		case "type":
		case "_meta":
		default:
			if path == "" && strings.HasPrefix(key, "_") || key == "dynamic_templates" || key == "runtime" || key == "subobjects" {
				return unsupported("[%s] in a mapping", key)
			}
			return mappingFailure("unknown parameter [%s] on mapper [%s] of type [object]", key, path)
		}
	}
	m.objects[path] = o
	properties, _ := body["properties"].(object)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		full := name
		if path != "" {
			full = path + "." + name
		}
		if f := m.readProperty(full, properties[name].(object), o); f != nil {
			return f
		}
	}
	return nil
}

func (m *mapping) readProperty(path string, body object, parent objectField) *failure {
	name := typeOf(body)
	if name == "object" {
		return m.readObject(path, body, parent.dynamic, !parent.disabled)
	}
	k, known := kindNames[name]
	if !known {
		if slices.Contains(otherKinds, name) {
			return unsupported("the field type [%s] of [%s]", name, path)
		}
		return mappingFailure("The mapper type [%s] declared on field [%s] does not exist", name, path)
	}
	f := &field{name: path, kind: k}
	for _, key := range slices.Sorted(maps.Keys(body)) {
		switch {
		case key == "type", key == "meta":
		case key == "format" && k == dateKind:
			f.format, _ = body[key].(string)
			if f.format != epochMillis {
				return unsupported("the date format %q of [%s]", body[key], path)
			}
		case slices.Contains([]string{"index", "doc_values", "store", "ignore_above", "null_value", "coerce", "ignore_malformed", "copy_to", "fields"}, key):
			return unsupported("the parameter [%s] of [%s]", key, path)
		default:
			return mappingFailure("unknown parameter [%s] on mapper [%s] of type [%s]", key, path, name)
		}
	}
	if old, exists := m.byName[path]; exists {
		f.ordinal = old.ordinal
		m.fields[f.ordinal] = f
	} else {
		f.ordinal = len(m.fields)
		m.fields = append(m.fields, f)
	}
	m.byName[path] = f
	return nil
}

// under lists the fields at a path and below it.
func (m *mapping) under(path string) []*field {
	if f, ok := m.byName[path]; ok {
		return []*field{f}
	}
	if _, ok := m.objects[path]; !ok {
		return nil
	}
	var list []*field
	for _, f := range m.fields {
		if strings.HasPrefix(f.name, path+".") {
			list = append(list, f)
		}
	}
	return list
}
