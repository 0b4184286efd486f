package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// decoder fills the configuration's types from a YAML tree. It goes on after a problem, so that all are found.
type decoder struct {
	*source
	getenv   func(string) string
	anchors  map[string]ast.Node
	problems Problems
	values   int // that were decoded
}

// maxValues bounds what aliases can make of a file.
const maxValues = 1 << 17

func (d *decoder) fail(path, format string, arguments ...any) {
	message := fmt.Sprintf(format, arguments...)
	if path != "" {
		message = path + ": " + message
	}
	d.add(d.problem(path, "%s", message))
}

func (d *decoder) add(p Problem) {
	d.condemn(p.path)
	d.problems = append(d.problems, p)
}

func (d *decoder) config(body ast.Node, c *Config) {
	if body == nil {
		return
	}
	d.collectAnchors(body, 0)
	d.value(body, reflect.ValueOf(c).Elem(), "", false)
}

// value decodes a node into v.
func (d *decoder) value(n ast.Node, v reflect.Value, path string, secret bool) {
	if d.values++; n == nil || d.values > maxValues {
		if d.values == maxValues+1 {
			d.fail(path, "there are more than %d values in the configuration: aliases make too many of them", maxValues)
			d.condemn("") // the rest is not read
		}
		return
	}
	d.note(path, n)
	if n = d.resolve(n, path); n == nil {
		return
	}
	if _, isNull := n.(*ast.NullNode); isNull {
		return // as if it were not there
	}
	if _, isText := v.Addr().Interface().(encoding.TextUnmarshaler); isText || v.Type() == reflect.TypeFor[time.Duration]() {
		d.scalar(n, v, path)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(n, v.Elem(), path, secret)
	case reflect.Struct:
		d.structure(n, v, path)
	case reflect.Slice:
		d.list(n, v, path)
	case reflect.Map:
		d.mapping(n, v, path)
	case reflect.String:
		if text, ok := d.text(n, path, secret); ok {
			v.SetString(text)
		}
	case reflect.Interface:
		d.anything(n, v, path)
	default:
		d.scalar(n, v, path)
	}
}

// entries gives the keys and values of a mapping; false where the node is none, which was reported.
func (d *decoder) entries(n ast.Node, path, expected string) ([]*ast.MappingValueNode, bool) {
	var all []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		all = n.Values
	case *ast.MappingValueNode:
		all = []*ast.MappingValueNode{n}
	default:
		d.fail(path, "%s is expected, not %s", expected, describe(n))
		return nil, false
	}
	return all, true
}

// key gives the text of a mapping's key.
func (d *decoder) key(entry *ast.MappingValueNode, path string) (string, bool) {
	switch k := entry.Key.(type) {
	case *ast.StringNode:
		return k.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return k.GetToken().Value, true
	case *ast.MergeKeyNode:
		d.failAt(entry.Key, path, "merge keys (<<) are not supported: repeat the settings, or use an alias for a whole value")
	default:
		d.failAt(entry.Key, path, "%s: a plain key is expected, not %s", path, describe(entry.Key))
	}
	return "", false
}

// failAt is fail for a key, which has a place of its own.
func (d *decoder) failAt(n ast.Node, path, format string, arguments ...any) {
	line, column := positionOf(n)
	d.add(Problem{File: d.name, Line: line, Column: column, Message: strings.TrimPrefix(fmt.Sprintf(format, arguments...), ": "), path: path})
}

func (d *decoder) structure(n ast.Node, v reflect.Value, path string) {
	if withDefaults, ok := v.Addr().Interface().(defaulter); ok && path != "" {
		withDefaults.setDefaults()
	}
	entries, ok := d.entries(n, path, "a mapping with the keys "+strings.Join(keysOf(v.Type()), ", "))
	if !ok {
		return
	}
	seen := map[string]bool{}
	for _, entry := range entries {
		key, ok := d.key(entry, path)
		if !ok {
			continue
		}
		field, known := fieldOf(v.Type(), key)
		switch {
		case !known:
			d.unknown(entry.Key, path, key, keysOf(v.Type()))
		case seen[key]:
			d.failAt(entry.Key, join(path, key), "%s: the key %q is there twice", path, key)
		default:
			seen[key] = true
			inner := join(path, key)
			d.note(inner, entry.Key)
			d.value(entry.Value, v.FieldByIndex(field.Index), inner, field.Tag.Get("secret") != "")
		}
	}
}

func (d *decoder) unknown(n ast.Node, path, key string, allowed []string) {
	hint := ""
	if meant := suggest(key, allowed); meant != "" {
		hint = fmt.Sprintf(", did you mean %q", meant)
		d.condemn(join(path, meant))
	}
	d.failAt(n, join(path, key), "%s: unknown key %q%s: allowed are %s", path, key, hint, strings.Join(allowed, ", "))
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// keysOf are the keys of a type in the order of its fields.
func keysOf(t reflect.Type) []string {
	var keys []string
	for i := range t.NumField() {
		if key := t.Field(i).Tag.Get("yaml"); key != "" {
			keys = append(keys, key)
		}
	}
	return keys
}

func fieldOf(t reflect.Type, key string) (reflect.StructField, bool) {
	for i := range t.NumField() {
		if f := t.Field(i); f.Tag.Get("yaml") == key && key != "" {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

func (d *decoder) list(n ast.Node, v reflect.Value, path string) {
	sequence, ok := n.(*ast.SequenceNode)
	if !ok {
		d.fail(path, "a list is expected, not %s", describe(n))
		return
	}
	result := reflect.MakeSlice(v.Type(), len(sequence.Values), len(sequence.Values))
	for i, item := range sequence.Values {
		inner := fmt.Sprintf("%s[%d]", path, i)
		if _, isNull := item.(*ast.NullNode); isNull {
			d.note(inner, item)
			d.fail(inner, "the entry is empty")
			continue
		}
		d.value(item, result.Index(i), inner, false)
	}
	v.Set(result)
}

func (d *decoder) mapping(n ast.Node, v reflect.Value, path string) {
	entries, ok := d.entries(n, path, "a mapping")
	if !ok {
		return
	}
	result := reflect.MakeMapWithSize(v.Type(), len(entries))
	for _, entry := range entries {
		name, ok := d.key(entry, path)
		if !ok {
			continue
		}
		inner := join(path, name)
		key := reflect.New(v.Type().Key()).Elem()
		if unmarshaler, isText := key.Addr().Interface().(encoding.TextUnmarshaler); isText {
			if err := unmarshaler.UnmarshalText([]byte(name)); err != nil {
				d.note(inner, entry.Key)
				d.fail(inner, "%v", err)
				continue
			}
			inner = join(path, fmt.Sprint(key.Interface())) // 60s is 1m
		} else {
			key.SetString(name)
		}
		d.note(inner, entry.Key)
		if result.MapIndex(key).IsValid() {
			d.fail(inner, "the key is there twice")
			continue
		}
		value := reflect.New(v.Type().Elem()).Elem()
		if _, isNull := entry.Value.(*ast.NullNode); isNull || entry.Value == nil {
			d.fail(inner, "a value is missing")
		} else {
			d.value(entry.Value, value, inner, false)
		}
		result.SetMapIndex(key, value)
	}
	v.Set(result)
}

// text reads a string, with the environment's values put in. A secret must be nothing but the name of an environment variable.
func (d *decoder) text(n ast.Node, path string, secret bool) (string, bool) {
	var text string
	switch n := n.(type) {
	case *ast.StringNode:
		text = n.Value
	case *ast.LiteralNode:
		text = n.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		if secret {
			d.fail(path, "%s", literalSecret)
			return "", false
		}
		d.fail(path, "text is expected, not %s: put it in quotes", describe(n))
		return "", false
	case *ast.MappingNode, *ast.MappingValueNode:
		d.fail(path, "text is expected, not a mapping: inside braces, text with a colon needs quotes")
		return "", false
	default:
		d.fail(path, "text is expected, not %s", describe(n))
		return "", false
	}
	if secret && !isReference(text) {
		d.fail(path, "%s", literalSecret)
		return "", false
	}
	expanded, err := expand(text, d.getenv)
	if err != nil {
		d.fail(path, "%v", err)
		return "", false
	}
	return expanded, true
}

// anything reads a string, a number (as float64) or a boolean.
func (d *decoder) anything(n ast.Node, v reflect.Value, path string) {
	switch n := n.(type) {
	case *ast.BoolNode:
		v.Set(reflect.ValueOf(n.Value))
	case *ast.IntegerNode, *ast.FloatNode:
		f, err := strconv.ParseFloat(strings.ReplaceAll(n.GetToken().Value, "_", ""), 64)
		if err != nil {
			d.fail(path, "%s is no decimal number", n.GetToken().Value)
			return
		}
		v.Set(reflect.ValueOf(f))
	case *ast.StringNode, *ast.LiteralNode:
		if text, ok := d.text(n, path, false); ok {
			v.Set(reflect.ValueOf(text))
		}
	default:
		d.fail(path, "text, a number or a boolean is expected, not %s", describe(n))
	}
}

// scalar reads a whole number, a boolean, a duration, or a type that reads text.
func (d *decoder) scalar(n ast.Node, v reflect.Value, path string) {
	var text string
	switch n.(type) {
	case *ast.StringNode, *ast.LiteralNode:
		var ok bool
		if text, ok = d.text(n, path, false); !ok {
			return
		}
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		text = n.GetToken().Value
	default:
		d.fail(path, "a single value is expected, not %s", describe(n))
		return
	}
	if v.Type() == reflect.TypeFor[time.Duration]() {
		duration, err := parseDuration(text)
		if err != nil {
			d.fail(path, "%v", err)
			return
		}
		v.SetInt(int64(duration))
		return
	}
	if unmarshaler, isText := v.Addr().Interface().(encoding.TextUnmarshaler); isText {
		if err := unmarshaler.UnmarshalText([]byte(text)); err != nil {
			d.fail(path, "%v", err)
		}
		return
	}
	if v.Kind() == reflect.Bool {
		if text != "true" && text != "false" {
			d.fail(path, "%q is neither true nor false", text)
			return
		}
		v.SetBool(text == "true")
		return
	}
	number, err := strconv.Atoi(strings.ReplaceAll(text, "_", ""))
	if err != nil {
		d.fail(path, "%q is no whole number", text)
		return
	}
	v.SetInt(int64(number))
}

// describe says what a node is, for messages.
func describe(n ast.Node) string {
	switch n := n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.StringNode, *ast.LiteralNode:
		return "text"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "the number " + n.GetToken().Value
	case *ast.BoolNode:
		return "the boolean " + n.Token.Value
	case *ast.NullNode:
		return "nothing"
	}
	return "this"
}
