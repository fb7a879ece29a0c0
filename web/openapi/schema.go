package openapi

import (
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Schema is a JSON Schema (2020-12), as OpenAPI 3.1 uses it.
type Schema map[string]any

// Field is a member of an object, or a parameter.
type Field struct {
	Name     string
	Schema   Schema
	Required bool
}

// Need is a field that is always there.
func Need(name string, s Schema) Field { return Field{name, s, true} }

// May is a field that can be absent.
func May(name string, s Schema) Field { return Field{Name: name, Schema: s} }

func typed(kind, doc string) Schema {
	s := Schema{"type": kind}
	if doc != "" {
		s["description"] = doc
	}
	return s
}

// Text is a string.
func Text(doc string) Schema { return typed("string", doc) }

// Bool is true or false.
func Bool(doc string) Schema { return typed("boolean", doc) }

// Time is a moment: RFC 3339, UTC.
func Time(doc string) Schema {
	s := typed("string", doc)
	s["format"] = "date-time"
	return s
}

// Whole is a whole number from min to max.
func Whole(doc string, min, max int64) Schema {
	s := typed("integer", doc)
	s["minimum"], s["maximum"] = min, max
	return s
}

const amountPattern = `^-?[0-9]{1,19}$`

// Amount is money in the smallest unit: a decimal string, since 64-bit integers do not survive JavaScript.
func Amount(doc string) Schema {
	s := typed("string", doc)
	s["pattern"] = amountPattern
	return s
}

// Matching is a string of a form.
func Matching(doc, pattern string) Schema {
	s := typed("string", doc)
	s["pattern"] = pattern
	return s
}

// OneOf is one of some strings.
func OneOf[T ~string](doc string, values ...T) Schema {
	s := typed("string", doc)
	list := make([]string, len(values))
	for i, v := range values {
		list[i] = string(v)
	}
	s["enum"] = list
	return s
}

// List is an array.
func List(of Schema) Schema { return Schema{"type": "array", "items": of} }

// Object has these fields and no others.
func Object(fields ...Field) Schema {
	props, required := map[string]any{}, []string{}
	for _, f := range fields {
		props[f.Name] = f.Schema
		if f.Required {
			required = append(required, f.Name)
		}
	}
	return Schema{"type": "object", "properties": props, "required": required, "additionalProperties": false}
}

// Anything is any JSON value.
func Anything(doc string) Schema { return Schema{"description": doc} }

// OrNull also allows null.
func OrNull(s Schema) Schema {
	out := Schema{}
	for k, v := range s {
		out[k] = v
	}
	if kind, ok := s["type"].(string); ok {
		out["type"] = []string{kind, "null"}
		return out
	}
	return Schema{"anyOf": []any{s, Schema{"type": "null"}}}
}

// Page is a list in a field, with the cursor of the next page; an empty cursor: that was all.
func Page(name string, of Schema) Schema {
	return Object(Need(name, List(of)), Need("next", Text("cursor of the next page; empty: this was the last")))
}

// Typer gives a type a schema that reflection cannot find.
type Typer interface{ OpenAPI() Schema }

var (
	typer     = reflect.TypeFor[Typer]()
	moment    = reflect.TypeFor[time.Time]()
	texter    = reflect.TypeFor[encoding.TextMarshaler]()
	marshaler = reflect.TypeFor[json.Marshaler]()
)

// Of is the schema of what encoding/json makes of T. A field's tag doc describes it and its tag enum ("a,b") names
// all its values; omitempty and omitzero make it one that can be absent, a pointer one that can be null: an absent
// pointer never is. It panics for what has no schema, such as a
// channel or a type that writes its own JSON and is no Typer: that is a mistake of the program.
func Of[T any]() Schema { return of(reflect.TypeFor[T]()) }

func of(t reflect.Type) Schema {
	switch {
	case t.Kind() == reflect.Pointer:
		return OrNull(of(t.Elem()))
	case t.Implements(typer):
		return reflect.Zero(t).Interface().(Typer).OpenAPI()
	case t == moment:
		return Time("")
	case t.Implements(texter) || reflect.PointerTo(t).Implements(texter) && t.Kind() != reflect.Struct:
		return Text("")
	case t.Implements(marshaler):
		panic(fmt.Sprintf("openapi: %s writes its own JSON: give it a method OpenAPI", t))
	}
	return ofKind(t)
}

func ofKind(t reflect.Type) Schema {
	switch t.Kind() {
	case reflect.String:
		return Text("")
	case reflect.Bool:
		return Bool("")
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return typed("integer", "")
	case reflect.Float32, reflect.Float64:
		return typed("number", "")
	case reflect.Interface:
		return Anything("")
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return Text("base64")
		}
		return List(of(t.Elem()))
	case reflect.Map:
		return Schema{"type": "object", "additionalProperties": of(t.Elem())}
	case reflect.Struct:
		return Object(fieldsOf(t)...)
	}
	panic(fmt.Sprintf("openapi: %s has no schema", t))
}

// fieldsOf are the fields of a struct as encoding/json has them.
func fieldsOf(t reflect.Type) []Field {
	var out []Field
	for f := range t.Fields() {
		tag := f.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		switch {
		case tag == "-" || !f.IsExported() && !f.Anonymous:
			continue
		case f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct:
			out = append(out, fieldsOf(f.Type)...)
			continue
		case name == "":
			name = f.Name
		}
		optional := slices.ContainsFunc(strings.Split(options, ","), func(o string) bool { return o == "omitempty" || o == "omitzero" })
		out = append(out, Field{name, fieldSchema(f, optional), !optional})
	}
	return out
}

func fieldSchema(f reflect.StructField, optional bool) Schema {
	t := f.Type
	if optional && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	s := documented(of(t), f.Tag.Get("doc"))
	if values := f.Tag.Get("enum"); values != "" {
		s["enum"] = strings.Split(values, ",")
	}
	return s
}

// documented is a copy of a schema, with a description if there is one.
func documented(s Schema, doc string) Schema {
	out := maps.Clone(s)
	if doc != "" {
		out["description"] = doc
	}
	return out
}
