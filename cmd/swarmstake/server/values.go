package server

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// ValueError is a value that a key does not take.
type ValueError struct{ Key, Value, Want string }

func (e *ValueError) Error() string {
	return fmt.Sprintf("configuration: %s = %s: want %s", e.Key, e.Value, e.Want)
}

// set reads a value as files, the environment and the database write it. It does not look at the
// range.
func (k key) set(c *Config, text string) error {
	if want := read(text, k.in(c)); want != "" {
		return &ValueError{k.name, strconv.Quote(text), want}
	}
	return nil
}

// read sets v from text, or says what it wants instead.
func read(text string, v reflect.Value) (want string) {
	switch {
	case v.Type() == durationType:
		d, err := time.ParseDuration(text)
		if err != nil {
			return "a duration such as 250ms, 5m or 72h"
		}
		v.SetInt(int64(d))
	case v.CanInt():
		n, err := strconv.ParseInt(strings.ReplaceAll(text, "_", ""), 10, 64)
		if err != nil {
			return "a whole number"
		}
		v.SetInt(n)
	case v.Kind() == reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return "true or false"
		}
		v.SetBool(b)
	case v.Kind() == reflect.String:
		v.SetString(text)
	default:
		return readList(text, v)
	}
	return ""
}

// readList sets a list or an array of fixed length from words with commas between them.
func readList(text string, v reflect.Value) (want string) {
	words := strings.Split(text, ",")
	if text == "" {
		words = nil
	}
	if v.Kind() == reflect.Slice {
		v.SetZero()
		v.Grow(len(words))
		v.SetLen(len(words))
	}
	if v.Len() != len(words) {
		return fmt.Sprintf("%d values with commas between them", v.Len())
	}
	for i, w := range words {
		if want := read(strings.TrimSpace(w), v.Index(i)); want != "" {
			return "for each value " + want
		}
	}
	return ""
}

var durationType = reflect.TypeFor[time.Duration]()

// text writes a value as read takes it.
func text(v reflect.Value) string {
	switch {
	case v.Type() == durationType:
		return duration(time.Duration(v.Int()))
	case v.CanInt():
		return strconv.FormatInt(v.Int(), 10)
	case v.Kind() == reflect.Slice || v.Kind() == reflect.Array:
		words := make([]string, v.Len())
		for i := range words {
			words[i] = text(v.Index(i))
		}
		return strings.Join(words, ",")
	}
	return fmt.Sprint(v)
}

// duration is d without the zero parts that its String has: 5m, not 5m0s.
func duration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// literal writes a value as a TOML file has it.
func literal(v reflect.Value) string {
	switch {
	case v.Kind() == reflect.Slice || v.Kind() == reflect.Array:
		words := make([]string, v.Len())
		for i := range words {
			words[i] = literal(v.Index(i))
		}
		return "[" + strings.Join(words, ", ") + "]"
	case v.Kind() == reflect.String || v.Type() == durationType:
		return strconv.Quote(text(v))
	}
	return text(v)
}
