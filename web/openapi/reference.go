package openapi

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"
)

// Row is a field of a schema as people read it. The names of inner fields follow those of the fields that they are in:
// "prices[].at".
type Row struct {
	Name     string
	Kind     string // "text", "whole number, 1 to 200", "list"
	Required bool
	Doc      string
}

// Rows are the fields of an object, those that are always there first.
func Rows(s Schema) []Row { return rows(s, "") }

func rows(s Schema, under string) (out []Row) {
	props, _ := s["properties"].(map[string]any)
	required, _ := s["required"].([]string)
	names := make([]string, 0, len(props))
	for name := range props {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool {
		a, b := slices.Contains(required, names[i]), slices.Contains(required, names[j])
		if a != b {
			return a
		}
		return names[i] < names[j]
	})
	for _, name := range names {
		f := props[name].(Schema)
		out = append(out, Row{under + name, Kind(f), slices.Contains(required, name), docOf(f)})
		out = append(out, inner(f, under+name)...)
	}
	return out
}

// inner are the rows of what is within a field: of an object, or of the objects of a list.
func inner(s Schema, name string) []Row {
	s = notNull(s)
	for {
		items, ok := s["items"].(Schema)
		if !ok {
			return rows(s, name+".")
		}
		s, name = notNull(items), name+"[]"
	}
}

// notNull is a schema without the null that it may also be.
func notNull(s Schema) Schema {
	if any, ok := s["anyOf"].([]any); ok {
		if first, ok := any[0].(Schema); ok {
			return first
		}
	}
	return s
}

func docOf(s Schema) string {
	doc, _ := s["description"].(string)
	return doc
}

// Kind says in words what a value is.
func Kind(s Schema) string {
	kinds, null := typesOf(s)
	text := ""
	switch base := notNull(s); {
	case base["enum"] != nil:
		text = enumText(base["enum"])
	case len(kinds) == 0:
		text = "any value"
	case kinds[0] == "array":
		text = "list"
		if items, ok := base["items"].(Schema); ok {
			text = "list of " + Kind(items)
		}
	case kinds[0] == "integer":
		text = "whole number" + bounds(base)
	case kinds[0] == "string":
		text = textKind(base)
	default:
		text = map[string]string{"boolean": "true or false", "object": "object", "number": "number"}[kinds[0]]
	}
	if null {
		text += ", or null"
	}
	return text
}

func typesOf(s Schema) (kinds []string, null bool) {
	base := notNull(s)
	null = s["anyOf"] != nil
	switch t := base["type"].(type) {
	case string:
		kinds = []string{t}
	case []string:
		for _, k := range t {
			if k == "null" {
				null = true
			} else {
				kinds = append(kinds, k)
			}
		}
	}
	return kinds, null
}

func enumText(values any) string {
	text, err := json.Marshal(values)
	if err != nil {
		return "text"
	}
	var list []string
	if json.Unmarshal(text, &list) != nil {
		return "text"
	}
	return strings.Join(list, ", ")
}

func textKind(s Schema) string {
	switch {
	case s["format"] == "date-time":
		return "time"
	case s["pattern"] == amountPattern:
		return "amount"
	}
	return "text"
}

// bounds are those of a number, as far as they say something.
func bounds(s Schema) string {
	min, low := s["minimum"].(int64)
	max, high := s["maximum"].(int64)
	switch {
	case low && high && max < math.MaxInt64:
		return fmt.Sprintf(", %d to %d", min, max)
	case low && min > 0:
		return fmt.Sprintf(", from %d on", min)
	}
	return ""
}

// Example is a value that a schema allows: of objects the fields that are always there.
func Example(s Schema) any {
	kinds, _ := typesOf(s)
	base := notNull(s)
	if values, ok := base["enum"].([]string); ok {
		return values[0]
	}
	if len(kinds) == 0 {
		return nil
	}
	switch kinds[0] {
	case "object":
		out := map[string]any{}
		props, _ := base["properties"].(map[string]any)
		required, _ := base["required"].([]string)
		for _, name := range required {
			out[name] = Example(props[name].(Schema))
		}
		return out
	case "array":
		if items, ok := base["items"].(Schema); ok {
			return []any{Example(items)}
		}
		return []any{}
	case "integer":
		min, _ := base["minimum"].(int64)
		return max(min, 1)
	case "number":
		return 1.5
	case "boolean":
		return true
	}
	return exampleText(base)
}

func exampleText(s Schema) string {
	switch {
	case s["format"] == "date-time":
		return "2030-01-31T18:00:00Z"
	case s["pattern"] == amountPattern:
		return "1000000"
	case s["pattern"] != nil:
		return strings.Repeat("0123456789", 4)
	}
	return "text"
}

// Curl is a command that calls an operation at a server. What it takes from the environment is in capitals.
func (d Document) Curl(o Operation) string {
	path := o.Template()
	for _, name := range o.PathParams() {
		path = strings.Replace(path, "{"+name+"}", "$"+strings.ToUpper(name), 1)
	}
	line := []string{"curl"}
	if o.Method != "GET" {
		line = append(line, "-X "+o.Method)
	}
	line = append(line, `"`+d.Server+path+`"`)
	if o.Who != Anybody {
		line = append(line, `-H "Authorization: Bearer $TOKEN"`)
	}
	if o.Once {
		line = append(line, `-H "Idempotency-Key: $(uuidgen)"`)
	}
	return strings.Join(append(line, o.curlBody()...), " \\\n  ")
}

func (o Operation) curlBody() []string {
	switch {
	case o.Body == nil:
		return nil
	case o.BodyType == "multipart/form-data":
		return []string{"-F torrent=@file.torrent"}
	case o.BodyType != "":
		return []string{"-H 'Content-Type: " + o.BodyType + "'", "--data-binary @file"}
	}
	text, err := json.Marshal(Example(o.Body))
	if err != nil {
		return nil
	}
	return []string{"-H 'Content-Type: application/json'", "-d '" + string(text) + "'"}
}
