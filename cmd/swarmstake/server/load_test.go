package server

import (
	"bytes"
	"strings"
	"testing"
)

func TestOriginsOfValues(t *testing.T) {
	t.Setenv("SWARMSTAKE_SURGE__HALF_LIFE", "7m")
	t.Setenv("SWARMSTAKE_NAME", "environment")
	conf, origins, err := LoadOrigins(DefaultConfig(), writeConfig(t, "name = \"file\"\n[surge]\nstep = \"2m\""), map[string]any{"listen": "127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := PrintOrigins(&b, conf, origins); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"name = \"environment\" # environment\n", "listen = \"127.0.0.1:1\" # flag\n", "half_life = \"7m\" # environment\n", "step = \"2m\" # file\n", "data = \"\"\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
	again, err := Load(DefaultConfig(), writeConfig(t, strings.ReplaceAll(b.String(), `"environment"`, `"again"`)), nil)
	if err != nil || again.Surge.Step != conf.Surge.Step {
		t.Errorf("what is printed is not read: %v", err)
	}
}
