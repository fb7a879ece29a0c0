package server

import (
	"fmt"
	"io"
	"net/url"
	"reflect"
	"strings"
	"time"
	"unicode"
)

// epochCheck is how often epochs are looked at: often enough that their length means something.
func (c Config) epochCheck() time.Duration {
	return min(max(c.Server.EpochLength/60, 100*time.Millisecond), 10*time.Second)
}

// sourceTag makes info-hashes of this tracker's torrents its own: the public host's name.
func (c Config) sourceTag(base string) string {
	if u, err := url.Parse(base); err == nil && u.Hostname() != "" && !c.Dev {
		return u.Hostname()
	}
	return "swarmstake"
}

// public are the rules everybody may read, by configuration key.
func (c Config) public() map[string]any {
	out := map[string]any{}
	walk("", reflect.ValueOf(c), func(key string, v reflect.Value) {
		table, _, _ := strings.Cut(key, ".")
		switch table {
		case "server", "tracker", "surge", "settle", "availability", "economy":
			out[key] = shown(v)
		}
	})
	return out
}

// PrintConfig writes every key with its effective value, as a file that Load reads.
func PrintConfig(w io.Writer, c Config) error {
	table := ""
	var err error
	walk("", reflect.ValueOf(c), func(key string, v reflect.Value) {
		name := key
		if i := strings.LastIndexByte(key, '.'); i >= 0 {
			if key[:i] != table {
				table = key[:i]
				fmt.Fprintf(w, "\n[%s]\n", table)
			}
			name = key[i+1:]
		}
		_, e := fmt.Fprintf(w, "%s = %s\n", name, literal(shown(v)))
		if err == nil {
			err = e
		}
	})
	return err
}

// derived keys repeat others: the server sets them from surge, economy and the public address.
var derived = map[string]bool{"tracker.quote_freeze": true, "tracker.demand_window": true, "tracker.base_price": true, "tracker.symbol": true,
	"tracker.funds_url": true, "economy.base_price": true, "economy.appeal_window": true}

// walk visits the settable values of a configuration struct: plain ones first, then its tables.
func walk(prefix string, v reflect.Value, visit func(key string, v reflect.Value)) {
	for _, tables := range []bool{false, true} {
		for i := range v.NumField() {
			f := v.Type().Field(i)
			key := prefix + snake(f.Name)
			if f.IsExported() && !derived[key] && (f.Type.Kind() == reflect.Struct) == tables {
				if tables {
					walk(key+".", v.Field(i), visit)
				} else {
					visit(key, v.Field(i))
				}
			}
		}
	}
}

func shown(v reflect.Value) any {
	if d, ok := v.Interface().(time.Duration); ok {
		return d.String()
	}
	switch v.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int()
	}
	return v.Interface()
}

func literal(v any) string {
	switch v := v.(type) {
	case string:
		return fmt.Sprintf("%q", v)
	case []string:
		quoted := make([]string, len(v))
		for i, s := range v {
			quoted[i] = fmt.Sprintf("%q", s)
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	case [3]int64:
		return fmt.Sprintf("[%d, %d, %d]", v[0], v[1], v[2])
	}
	return fmt.Sprint(v)
}

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
