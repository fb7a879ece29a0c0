package web_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/web"
)

func TestHealthAndReadiness(t *testing.T) {
	ready := true
	w := newWorld(t, func(c *web.Config, _ *store.Economy) { c.Ready = func() bool { return ready } })
	guest := w.client("")
	if got := w.want(guest.get("/healthz"), 200).json(t)["status"]; got != "ok" {
		t.Errorf("/healthz says %v", got)
	}
	if got := w.want(guest.get("/readyz"), 200).json(t)["status"]; got != "ready" {
		t.Errorf("/readyz says %v", got)
	}
	ready = false
	answer := w.want(guest.get("/readyz"), 503)
	if got := answer.json(t); got["status"] != "not ready" || len(got) != 1 {
		t.Errorf("a server that is not ready tells everybody %v", got)
	}
	if answer.header.Get("Retry-After") == "" || answer.header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", answer.header)
	}
	w.want(guest.get("/healthz"), 200)
}

// What goes wrong on an address with a key in it is logged without the key.
func TestNoKeyOfAPathIsLogged(t *testing.T) {
	w := newWorld(t, func(c *web.Config, _ *store.Economy) { c.Ready = func() bool { panic(errors.New("made up")) } })
	w.want(w.client("").get("/readyz"), 500)
	w.store.Close()
	w.client("").get("/setup/SECRETSECRETSECRET")
	log := w.log.String()
	if !strings.Contains(log, "made up") || !strings.Contains(log, "route=/readyz") {
		t.Fatalf("a panic was not logged with its route: %s", log)
	}
	if strings.Contains(log, "SECRETSECRET") {
		t.Errorf("the log names a one-use link: %s", log)
	}
}
