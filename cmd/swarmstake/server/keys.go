package server

import (
	"reflect"
	"strings"
	"unicode"
)

// key is one setting: its place in Config, and what its tags say.
type key struct {
	name  string // such as surge.half_life
	table string // such as surge; empty for what stands above all tables
	field reflect.StructField
	index []int // in Config
	dated bool  // one of the economy's parameters
}

// configKeys are all keys: those above the tables first, then table by table.
func configKeys() []key { return keysOf(reflect.TypeFor[Config](), key{}) }

func keysOf(t reflect.Type, parent key) (keys []key) {
	var tables []key
	for i := range t.NumField() {
		f := t.Field(i)
		k := key{name: parent.prefix() + snake(f.Name), table: parent.name, field: f, index: append(parent.index[:len(parent.index):len(parent.index)], i),
			dated: parent.dated || f.Tag.Get("dated") == "yes"}
		switch {
		case f.Type.Kind() == reflect.Struct:
			tables = append(tables, keysOf(f.Type, k)...)
		case f.Tag.Get("derived") == "":
			keys = append(keys, k)
		}
	}
	return append(keys, tables...)
}

func (k key) prefix() string {
	if k.name == "" {
		return ""
	}
	return k.name + "."
}

// last is the name within the table.
func (k key) last() string { return k.name[strings.LastIndexByte(k.name, '.')+1:] }

func (k key) unit() string { return k.field.Tag.Get("unit") }

func (k key) doc() string { return k.field.Tag.Get("doc") }

func (k key) in(c *Config) reflect.Value { return reflect.ValueOf(c).Elem().FieldByIndex(k.index) }

// text is the key's value as set reads it.
func (k key) text(c *Config) string { return text(k.in(c)) }

// snake turns HalfLife into half_life and InflationPPM into inflation_ppm.
func snake(s string) string {
	var b strings.Builder
	r := []rune(strings.ReplaceAll(s, "GiB", "Gib"))
	for i, c := range r {
		if unicode.IsUpper(c) && i > 0 && (unicode.IsLower(r[i-1]) || i+1 < len(r) && unicode.IsLower(r[i+1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}

// shownUnit is the unit in words; empty: the value says it, or it has none.
func (k key) shownUnit() string {
	if k.field.Type == durationType {
		return "duration"
	}
	return k.unit()
}
