package openapi

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

type money int64

func (money) OpenAPI() Schema { return Amount("") }

type within struct {
	At   time.Time  `json:"at"`
	Done *time.Time `json:"done" doc:"null: not yet"`
}

type whole struct {
	within
	Name   string         `json:"name" enum:"a,b" doc:"one of two"`
	Price  money          `json:"price_utok"`
	Most   *money         `json:"most,omitempty"`
	Addr   netip.Addr     `json:"addr"`
	Raw    []byte         `json:"raw,omitempty"`
	List   []within       `json:"list"`
	Counts map[string]int `json:"counts"`
	Any    any            `json:"any"`
	Yes    bool           `json:"yes"`
	Share  float64        `json:"share,omitzero"`
	Secret string         `json:"-"`
	hidden int
	Plain  uint16
}

// What reflection makes of a type fits what encoding/json makes of its values.
func TestOf(t *testing.T) {
	_ = whole{}.hidden
	s := Of[whole]()
	props := s["properties"].(map[string]any)
	for name, want := range map[string]Schema{
		"at":         {"type": "string", "format": "date-time"},
		"done":       {"type": []string{"string", "null"}, "format": "date-time", "description": "null: not yet"},
		"name":       {"type": "string", "enum": []string{"a", "b"}, "description": "one of two"},
		"price_utok": {"type": "string", "pattern": amountPattern},
		"most":       {"type": "string", "pattern": amountPattern},
		"addr":       {"type": "string"},
		"raw":        {"type": "string", "description": "base64"},
		"counts":     {"type": "object", "additionalProperties": Schema{"type": "integer"}},
		"any":        {},
		"yes":        {"type": "boolean"},
		"share":      {"type": "number"},
		"Plain":      {"type": "integer"},
	} {
		got := props[name].(Schema)
		if got["description"] == "" {
			delete(got, "description")
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	if items := props["list"].(Schema)["items"].(Schema); !reflect.DeepEqual(items, Of[within]()) {
		t.Errorf("list of %v", items)
	}
	if props["Secret"] != nil || props["hidden"] != nil || s["additionalProperties"] != false {
		t.Errorf("%v", s)
	}
	want := []string{"at", "done", "name", "price_utok", "addr", "list", "counts", "any", "yes", "Plain"}
	if !reflect.DeepEqual(s["required"], want) {
		t.Errorf("always there: %v, want %v", s["required"], want)
	}
}

type writer struct{}

func (writer) MarshalJSON() ([]byte, error) { return []byte("1"), nil }

func TestOfPanics(t *testing.T) {
	for name, do := range map[string]func(){"a marshaler": func() { Of[writer]() }, "a channel": func() { Of[chan int]() }} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s has a schema", name)
				}
			}()
			do()
		}()
	}
}

func document() Document {
	return Document{Title: "Test", Version: "1", Server: "https://tracker.test/api/v1", Tags: []Tag{{"things", "Things."}}, Params: map[string]Schema{"id": Whole("a number", 1, 9)},
		Scope: func(o Operation) string { return strings.ToLower(o.Method) }, Fresh: func(o Operation) bool { return o.Method == "PUT" },
		Operations: []Operation{
			{Method: "GET", Path: "/things/{id}", Tag: "things", Does: "Shows a thing.", Who: Anybody, Query: []Field{May("q", Text("words"))}, Answer: Of[whole]()},
			{Method: "PUT", Path: "/things/{id}", Tag: "things", Does: "Sets a thing.", Who: Member, Once: true, Body: Of[within](), Also: 201, Answer: Of[within]()},
			{Method: "DELETE", Path: "/things/*", Tag: "things", Does: "Removes things.", Notes: "All of them.", Who: MemberOrNode, Status: 204},
		}}
}

func TestJSON(t *testing.T) {
	d, err := document().JSON()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"/things/{id}":{"get":{`, `"operationId":"getThingsById"`, `"operationId":"deleteThingsByRest"`, `"/things/{rest}"`,
		`{"in":"path","name":"id","required":true,"schema":{"description":"a number","maximum":9,"minimum":1,"type":"integer"}}`,
		`{"in":"query","name":"q","required":false,`, `"$ref":"#/components/parameters/IdempotencyKey"`, `"security":[{"token":["put"]},{"session":[]}]`,
		`"description":"All of them. An API token needs the scope delete."`, `fresh_factor`, `"201":{`, `"204":{"description":"No Content"`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the document lacks %s: %s", want, text)
		}
	}
	twice := document()
	twice.Operations = append(twice.Operations, Operation{Method: "GET", Path: "/things/{id}"})
	if _, err := twice.JSON(); err == nil {
		t.Error("two operations have one name")
	}
}

// The reference shows the same in words.
func TestReference(t *testing.T) {
	d := document()
	var got []string
	for _, r := range Rows(d.Operations[0].Answer) {
		got = append(got, r.Name+": "+r.Kind)
	}
	want := []string{"Plain: whole number", "addr: text", "any: any value", "at: time", "counts: object", "done: time, or null", "list: list of object", "list[].at: time", "list[].done: time, or null",
		"name: a, b", "price_utok: amount", "yes: true or false", "most: amount", "raw: text", "share: number"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("rows %q, want %q", got, want)
	}
	wantCurl := "curl \\\n  -X PUT \\\n  \"https://tracker.test/api/v1/things/$ID\" \\\n  -H \"Authorization: Bearer $TOKEN\" \\\n  -H \"Idempotency-Key: $(uuidgen)\" \\\n" +
		"  -H 'Content-Type: application/json' \\\n  -d '{\"at\":\"2030-01-31T18:00:00Z\",\"done\":\"2030-01-31T18:00:00Z\"}'"
	if curl := d.Curl(d.Operations[1]); curl != wantCurl {
		t.Errorf("%s", curl)
	}
	for _, s := range []struct {
		schema Schema
		kind   string
	}{{OneOf("", "x", "y"), "x, y"}, {Whole("", 1, 200), "whole number, 1 to 200"}, {Whole("", 1, 1<<63-1), "whole number, from 1 on"}, {OrNull(Object()), "object, or null"},
		{OrNull(Schema{"enum": []string{"x"}}), "x, or null"}, {List(Amount("")), "list of amount"}} {
		if kind := Kind(s.schema); kind != s.kind {
			t.Errorf("%v is %q, want %q", s.schema, kind, s.kind)
		}
	}
}
