package embedded

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// indices resolves the names in the path.
func (c *call) indices(at int, lenient bool) ([]*index, *failure) {
	return c.store.resolve(c.names(at), lenient)
}

func acknowledged() object { return object{"acknowledged": true} }

func (c *call) getIndex() (any, *failure) {
	indices, f := c.indices(0, c.flag("ignore_unavailable"))
	if f != nil {
		return nil, f
	}
	c.store.mu.RLock()
	defer c.store.mu.RUnlock()
	answer := object{}
	for _, ix := range indices {
		answer[ix.name] = ix.describe()
	}
	return answer, nil
}

func (c *call) putIndex() (any, *failure) {
	body, f := c.object()
	if f != nil {
		return nil, f
	}
	c.store.writing.Lock()
	defer c.store.writing.Unlock()
	if _, f := c.store.createIndex(c.Context(), c.parts[0], body); f != nil {
		return nil, f
	}
	return object{"acknowledged": true, "shards_acknowledged": true, "index": c.parts[0]}, nil
}

func (c *call) deleteIndex() (any, *failure) {
	names := c.names(0)
	if slices.ContainsFunc(names, func(name string) bool { return strings.Contains(name, "*") || name == "_all" }) {
		return nil, illegal("Wildcard expressions or all indices are not allowed")
	}
	indices, f := c.indices(0, c.flag("ignore_unavailable"))
	if f != nil {
		return nil, f
	}
	return acknowledged(), c.store.deleteIndices(indices)
}

func (c *call) getMapping() (any, *failure) {
	indices, f := c.indices(0, c.flag("ignore_unavailable"))
	if f != nil {
		return nil, f
	}
	c.store.mu.RLock()
	defer c.store.mu.RUnlock()
	answer := object{}
	for _, ix := range indices {
		answer[ix.name] = object{"mappings": ix.mapping.body}
	}
	return answer, nil
}

func (c *call) putMapping() (any, *failure) {
	body, f := c.object()
	if f != nil {
		return nil, f
	}
	indices, f := c.indices(0, false)
	if f != nil {
		return nil, f
	}
	if len(indices) == 0 {
		return nil, indexNotFound(c.parts[0])
	}
	return acknowledged(), c.store.putMapping(indices, body)
}

func (c *call) refresh() (any, *failure) {
	indices, f := c.indices(0, c.flag("ignore_unavailable"))
	if f != nil {
		return nil, f
	}
	return object{"_shards": object{"total": len(indices), "successful": len(indices), "failed": 0}}, nil
}

// forceMerge has nothing to do: the store has no segments.
func (c *call) forceMerge() (any, *failure) {
	if _, f := c.indices(0, c.flag("ignore_unavailable")); f != nil {
		return nil, f
	}
	return object{"task": nodeID + ":0"}, nil
}

func (c *call) fieldCaps() (any, *failure) {
	fields := c.URL.Query().Get("fields")
	if fields == "" {
		return nil, badRequest("action_request_validation_exception", "Validation Failed: 1: no fields specified;")
	}
	if len(c.body) > 0 {
		return nil, unsupported("a body of _field_caps")
	}
	indices, f := c.indices(0, c.flag("ignore_unavailable"))
	if f != nil {
		return nil, f
	}
	return c.store.fieldCaps(indices, strings.Split(fields, ",")), nil
}

func (c *call) catIndices() (any, *failure) {
	if c.URL.Query().Get("format") != "json" {
		return nil, unsupported("_cat/indices in another format than json")
	}
	indices, f := c.indices(2, false)
	if f != nil {
		return nil, f
	}
	rows := c.store.listing(indices)
	if columns := c.URL.Query().Get("h"); columns != "" {
		wanted := strings.Split(columns, ",")
		for _, row := range rows {
			maps.DeleteFunc(row, func(key string, _ any) bool { return !slices.Contains(wanted, key) })
		}
	}
	return rows, nil
}

func (c *call) templateName() string {
	if len(c.parts) < 2 {
		return "*"
	}
	return c.parts[1]
}

func (c *call) getTemplate() (any, *failure) {
	c.store.mu.RLock()
	defer c.store.mu.RUnlock()
	list := []object{}
	for _, name := range slices.Sorted(maps.Keys(c.store.templates)) {
		if wildcard(c.templateName(), name) {
			list = append(list, object{"name": name, "index_template": c.store.templates[name].describe()})
		}
	}
	if len(list) == 0 && !strings.Contains(c.templateName(), "*") {
		return nil, templateNotFound(c.templateName())
	}
	return object{"index_templates": list}, nil
}

func templateNotFound(name string) *failure {
	return fail(http.StatusNotFound, "resource_not_found_exception", "index template matching [%s] not found", name)
}

// describe is a template as it is shown: its settings in one form.
func (t *template) describe() object {
	shown := object{"composed_of": []string{}}
	maps.Copy(shown, t.body)
	if inner, ok := t.body["template"].(object); ok {
		inner = maps.Clone(inner)
		if len(t.settings) > 0 {
			inner["settings"] = object{"index": flatIndexSettings(t.settings)}
		}
		shown["template"] = inner
	}
	return shown
}

func (c *call) putTemplate() (any, *failure) {
	body, f := c.object()
	if f != nil {
		return nil, f
	}
	if len(c.parts) < 2 || strings.ContainsAny(c.parts[1], "*, ") {
		return nil, illegal("an index template needs a name without wildcards")
	}
	t, f := parseTemplate(c.parts[1], body)
	if f != nil {
		return nil, f
	}
	return acknowledged(), c.store.putTemplate(t)
}

func (c *call) deleteTemplate() (any, *failure) {
	c.store.writing.Lock()
	defer c.store.writing.Unlock()
	name := c.templateName()
	if c.store.templates[name] == nil {
		return nil, templateNotFound(name)
	}
	if err := c.store.db.exec("DELETE FROM templates WHERE name = ?", name); err != nil {
		return nil, internal(err)
	}
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	delete(c.store.templates, name)
	return acknowledged(), nil
}
