package server

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/knadh/koanf/parsers/toml/v2"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/env"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"
)

// EnvPrefix begins the names of environment variables that set configuration keys.
const EnvPrefix = "SWARMSTAKE_"

// Load reads the file (empty: none), then the environment, then flags (keys as in the file), over
// the defaults. An unknown key or a value that is not accepted is an error that names it.
func Load(base Config, path string, flags map[string]any) (Config, error) {
	conf, _, err := LoadOrigins(base, path, flags)
	return conf, err
}

// LoadOrigins is Load, and says of each key that is set where its value comes from: the file, the
// environment or a flag.
func LoadOrigins(base Config, path string, flags map[string]any) (Config, map[string]string, error) {
	k, origins := koanf.New("."), map[string]string{}
	take := func(from string, p koanf.Provider, parser koanf.Parser) error {
		layer := koanf.New(".")
		if err := layer.Load(p, parser); err != nil {
			return err
		}
		for _, name := range layer.Keys() {
			origins[name] = from
		}
		return k.Merge(layer)
	}
	if path != "" {
		if err := take("file", file.Provider(path), toml.Parser()); err != nil {
			return base, nil, fmt.Errorf("read configuration %s: %w", path, err)
		}
	}
	if err := take("environment", env.Provider(EnvPrefix, ".", envKey), nil); err != nil {
		return base, nil, fmt.Errorf("read the environment: %w", err)
	}
	if err := take("flag", confmap.Provider(flags, "."), nil); err != nil {
		return base, nil, fmt.Errorf("read flags: %w", err)
	}
	conf, err := apply(base, k)
	return conf, origins, err
}

// apply sets what was read over base.
func apply(base Config, k *koanf.Koanf) (Config, error) {
	conf, known := base, map[string]key{}
	for _, key := range configKeys() {
		known[key.name] = key
	}
	for _, name := range k.Keys() {
		key, ok := known[name]
		if !ok {
			return base, fmt.Errorf("configuration: unknown key %s: 'swarmstake config check' lists them all", name)
		}
		if err := key.set(&conf, written(k.Get(name))); err != nil {
			return base, err
		}
	}
	return conf, conf.Validate()
}

// written is a value of a file as the environment would have it: lists with commas.
func written(v any) string {
	list := reflect.ValueOf(v)
	if list.Kind() != reflect.Slice {
		return fmt.Sprint(v)
	}
	words := make([]string, list.Len())
	for i := range words {
		words[i] = fmt.Sprint(list.Index(i))
	}
	return strings.Join(words, ",")
}

// envKey turns SWARMSTAKE_SURGE__HALF_LIFE into surge.half_life. Variables for tests are no keys.
func envKey(name string) string {
	key := strings.TrimPrefix(name, EnvPrefix)
	if key == "REQUIRE_CLIENTS" || key == "CONFIG" || strings.HasPrefix(key, "TEST_") {
		return ""
	}
	return strings.ReplaceAll(strings.ToLower(key), "__", ".")
}
