package server

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// accepted is what a key takes: a number or duration from min to max, or one of words.
type accepted struct {
	min, max int64
	words    []string
	any      bool   // every value of the type
	text     string // for people
}

// accepts reads the key's range tag. Numbers and durations must have one, texts may.
func (k key) accepts() (accepted, error) {
	a, err := parseRange(k.field.Tag.Get("range"), k.field.Type)
	if err != nil {
		return a, fmt.Errorf("range of %s: %w", k.name, err)
	}
	return a, nil
}

// parseRange reads a range tag: "1..1000", "1s..24h", "open|invite".
func parseRange(tag string, t reflect.Type) (accepted, error) {
	if t.Kind() == reflect.Array {
		a, err := parseRange(tag, t.Elem())
		a.text = fmt.Sprintf("%d values, each %s", t.Len(), a.text)
		return a, err
	}
	bounded := reflect.Zero(t).CanInt()
	switch {
	case tag == "" && t.Kind() == reflect.Bool:
		return accepted{any: true, text: "true or false"}, nil
	case tag == "" && t.Kind() == reflect.String:
		return accepted{any: true, text: "a text"}, nil
	case tag == "" && t == reflect.TypeFor[[]string]():
		return accepted{any: true, text: "a list of texts"}, nil
	case bounded:
		return parseBounds(tag, t)
	case t.Kind() == reflect.String && strings.Contains(tag, "|"):
		words := strings.Split(tag, "|")
		return accepted{words: words, text: strings.Join(words, " or ")}, nil
	}
	return accepted{}, fmt.Errorf("%q says nothing of a %s", tag, t)
}

func parseBounds(tag string, t reflect.Type) (a accepted, err error) {
	low, high, ok := strings.Cut(tag, "..")
	v := reflect.New(t).Elem()
	for _, bound := range []struct {
		text string
		to   *int64
	}{{low, &a.min}, {high, &a.max}} {
		if want := read(bound.text, v); want != "" {
			return a, fmt.Errorf("%q: want two bounds with .. between them, each %s", tag, want)
		}
		*bound.to = v.Int()
	}
	if !ok || a.min > a.max {
		return a, fmt.Errorf("%q: want the smaller bound first", tag)
	}
	a.text = grouped(low) + " to " + grouped(high)
	return a, nil
}

var longNumber = regexp.MustCompile(`\b[0-9]{5,}\b`)

// grouped has underscores between the thousands of long numbers, as files may.
func grouped(text string) string {
	return longNumber.ReplaceAllStringFunc(text, func(n string) string {
		for i := len(n) - 3; i > 0; i -= 3 {
			n = n[:i] + "_" + n[i:]
		}
		return n
	})
}

// check holds the key's value to its range.
func (k key) check(c *Config) error {
	a, err := k.accepts()
	if err != nil {
		return err
	}
	if v := k.in(c); !a.has(v) {
		return &ValueError{k.name, text(v), strings.TrimSpace(a.text + " " + k.unit())}
	}
	return nil
}

func (a accepted) has(v reflect.Value) bool {
	switch {
	case a.any:
		return true
	case a.words != nil:
		return slices.Contains(a.words, v.String())
	case v.Kind() == reflect.Array:
		for i := range v.Len() {
			if !a.has(v.Index(i)) {
				return false
			}
		}
		return true
	}
	return a.min <= v.Int() && v.Int() <= a.max
}
