package embedded

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

const maxIndexNameBytes = 255

func checkIndexName(name string) *failure {
	var reason string
	switch {
	case name == "" || name == "." || name == "..":
		reason = "must not be empty, '.' or '..'"
	case strings.ContainsAny(name[:1], "_-+"):
		reason = "must not start with '_', '-', or '+'"
	case strings.ToLower(name) != name:
		reason = "must be lowercase"
	case strings.ContainsAny(name, " \"*\\<|,>/?#:"):
		reason = "must not contain the following characters [' ','\"','*','\\','<','|',',','>','/','?','#',':']"
	case len(name) > maxIndexNameBytes:
		reason = fmt.Sprintf("index name is too long, (%d > %d)", len(name), maxIndexNameBytes)
	default:
		return nil
	}
	f := badRequest("invalid_index_name_exception", "Invalid index name [%s], %s", name, reason)
	f.index = name
	return f
}

// createIndex makes an index from its template and body. It needs writing.
func (s *Store) createIndex(ctx context.Context, name string, body object) (*index, *failure) {
	if f := checkIndexName(name); f != nil {
		return nil, f
	}
	if existing, ok := s.indices[name]; ok {
		f := badRequest("resource_already_exists_exception", "index [%s/%s] already exists", name, existing.uuid)
		f.index = name
		return nil, f
	}
	mappings, settings := object{}, object{}
	if t := s.templateFor(name); t != nil {
		mappings, settings = deepCopy(t.mappings), deepCopy(t.settings)
	}
	for _, key := range slices.Sorted(maps.Keys(body)) {
		part, ok := body[key].(object)
		switch {
		case key == "mappings" && ok:
			if f := mergeMapping(mappings, part); f != nil {
				return nil, f
			}
		case key == "settings" && ok:
			maps.Copy(settings, part)
		case key == "aliases":
			return nil, unsupported("aliases")
		default:
			return nil, badRequest("parse_exception", "unknown key [%s] for create index", key)
		}
	}
	m, f := parseMapping(mappings, nil)
	if f != nil {
		return nil, f
	}
	ix := &index{name: name, uuid: newUUID(), created: now(), settings: settings, mapping: m, docs: map[chunkKey]int{}, chunks: map[chunkKey]*chunk{}}
	mappingText, err1 := json.Marshal(m.body)
	settingsText, err2 := json.Marshal(settings)
	if err1 != nil || err2 != nil {
		return nil, illegal("the index's settings cannot be written as JSON")
	}
	number, err := s.db.createIndex(ctx, indexRow{name: name, uuid: ix.uuid, created: ix.created, mapping: string(mappingText), settings: string(settingsText)})
	if err != nil {
		return nil, internal(fmt.Errorf("create index %q: %w", name, err))
	}
	ix.number = number
	s.mu.Lock()
	defer s.mu.Unlock()
	s.indices[name] = ix
	return ix, nil
}

func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it cannot fail
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func (s *Store) putMapping(indices []*index, body object) *failure {
	s.writing.Lock()
	defer s.writing.Unlock()
	changed := make([]*mapping, len(indices))
	for i, ix := range indices {
		var f *failure
		if changed[i], f = parseMapping(body, ix.mapping); f != nil {
			return f
		}
	}
	for i, ix := range indices {
		text, err := json.Marshal(changed[i].body)
		if err == nil {
			err = s.db.exec("UPDATE indices SET mapping = ? WHERE number = ?", string(text), ix.number)
		}
		if err != nil {
			return internal(fmt.Errorf("change the mapping of index %q: %w", ix.name, err))
		}
		s.mu.Lock()
		ix.mapping = changed[i]
		s.mu.Unlock()
	}
	return nil
}

func (s *Store) deleteIndices(indices []*index) *failure {
	s.writing.Lock()
	defer s.writing.Unlock()
	for _, ix := range indices {
		if s.indices[ix.name] != ix {
			continue
		}
		if err := s.db.deleteIndex(ix.number); err != nil {
			return internal(fmt.Errorf("delete index %q: %w", ix.name, err))
		}
		s.mu.Lock()
		delete(s.indices, ix.name)
		for key := range ix.chunks {
			s.drop(ix, key)
		}
		s.mu.Unlock()
	}
	return nil
}

// describe is an index as GET /<index> shows it.
func (ix *index) describe() object {
	settings := flatIndexSettings(ix.settings)
	settings["uuid"], settings["provided_name"], settings["creation_date"] = ix.uuid, ix.name, strconv.FormatInt(ix.created, 10)
	return object{"aliases": object{}, "mappings": ix.mapping.body, "settings": object{"index": settings}}
}

// flatIndexSettings gives settings without their "index" prefix, values as text, as Elasticsearch shows them.
func flatIndexSettings(settings object) object {
	flat := object{}
	for key, value := range settings {
		if inner, ok := value.(object); ok && key == "index" {
			maps.Copy(flat, flatIndexSettings(inner))
			continue
		}
		switch v := value.(type) {
		case object:
			flat[key] = flatIndexSettings(v)
		case string:
			flat[strings.TrimPrefix(key, "index.")] = v
		default:
			flat[strings.TrimPrefix(key, "index.")] = fmt.Sprint(v)
		}
	}
	return flat
}

// listing is the rows of _cat/indices, with all columns.
func (s *Store) listing(indices []*index) []object {
	s.mu.RLock()
	defer s.mu.RUnlock()
	rows := make([]object, 0, len(indices))
	for _, ix := range indices {
		size := strconv.FormatInt(ix.bytes, 10)
		rows = append(rows, object{
			"health": "green", "status": "open", "index": ix.name, "uuid": ix.uuid, "pri": "1", "rep": "0",
			"docs.count": strconv.Itoa(ix.count()), "docs.deleted": "0", "store.size": size, "pri.store.size": size, "dataset.size": size,
		})
	}
	return rows
}

// fieldCaps answers _field_caps for the fields that match one of the patterns.
func (s *Store) fieldCaps(indices []*index, patterns []string) object {
	s.mu.RLock()
	defer s.mu.RUnlock()
	names := make([]string, 0, len(indices))
	found := map[string]map[string][]string{}      // indices by field and type
	wanted := func(m *mapping, name string) bool { // an object also for the sake of a field in it
		return matchesAny(patterns, name) || slices.ContainsFunc(m.under(name), func(f *field) bool { return matchesAny(patterns, f.name) })
	}
	note := func(m *mapping, field, kind, index string) {
		if !wanted(m, field) {
			return
		}
		if found[field] == nil {
			found[field] = map[string][]string{}
		}
		found[field][kind] = append(found[field][kind], index)
	}
	for _, ix := range indices {
		names = append(names, ix.name)
		for _, f := range ix.mapping.fields {
			note(ix.mapping, f.name, f.kind.String(), ix.name)
		}
		for path, o := range ix.mapping.objects {
			if path != "" && !o.disabled {
				note(ix.mapping, path, "object", ix.name)
			}
		}
	}
	fields := object{}
	for field, kinds := range found {
		shown := object{}
		for k, where := range kinds {
			usable := k != "object" && k != "binary"
			capability := object{"type": k, "metadata_field": false, "searchable": usable, "aggregatable": usable}
			if len(kinds) > 1 {
				capability["indices"] = where
			}
			shown[k] = capability
		}
		fields[field] = shown
	}
	return object{"indices": names, "fields": fields}
}
