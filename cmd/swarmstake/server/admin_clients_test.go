package server

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker"
)

// changing carries out a command that must succeed, and returns the rules by prefix.
func changing(t *testing.T, conf Config, do, prefix, note string) (map[string]ClientRule, ClientRules) {
	t.Helper()
	out, err := AdministerClients(t.Context(), conf, ChangeClients{Do: do, Prefix: prefix, Note: note})
	if err != nil {
		t.Fatalf("%s %s: %v", do, prefix, err)
	}
	rules := map[string]ClientRule{}
	for _, r := range out.Rules {
		rules[r.Prefix] = r
	}
	return rules, out
}

// changeRules is what every way to the rules must do alike.
func changeRules(t *testing.T, conf Config) {
	t.Helper()
	before, all := changing(t, conf, ClientsList, "", "")
	if len(before) != len(tracker.DefaultClientRules()) || all.AllowUnlisted {
		t.Fatalf("%d rules, unlisted clients allowed: %v", len(before), all.AllowUnlisted)
	}
	if after, _ := changing(t, conf, ClientsDeny, "-TR4", "no ü"); after["-TR4"].Allow || after["-TR4"].Note != "no ü" || len(after) != len(before) {
		t.Errorf("denied: %+v of %d", after["-TR4"], len(after))
	}
	if after, _ := changing(t, conf, ClientsAllow, "-XX", ""); !after["-XX"].Allow || len(after) != len(before)+1 {
		t.Errorf("allowed: %+v of %d", after["-XX"], len(after))
	}
	if after, _ := changing(t, conf, ClientsRemove, "-XX", ""); len(after) != len(before) {
		t.Errorf("%d rules after one was removed", len(after))
	}
	for name, c := range map[string]struct{ do, prefix, says string }{
		"no such rule":  {ClientsRemove, "-XX", `no rule for the prefix "-XX"`},
		"bad prefix":    {ClientsAllow, "a b", "1 to 20 printable ASCII characters"},
		"no prefix":     {ClientsDeny, "", "1 to 20 printable ASCII characters"},
		"other command": {"drop", "-XX", "list, allow, deny or remove"},
	} {
		if _, err := AdministerClients(t.Context(), conf, ChangeClients{Do: c.do, Prefix: c.prefix}); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestClientRulesWithoutAServer(t *testing.T) {
	conf := quick(filepath.Join(t.TempDir(), "data"))
	changeRules(t, conf)
	if release, err := Lock(conf.Data); err != nil {
		t.Errorf("the command keeps the lock: %v", err)
	} else {
		release()
	}
}

func TestClientRulesOverTheSocket(t *testing.T) {
	conf, st, a := openSocket(t)
	told, refuse := 0, error(nil)
	a.serveClients(st, func(context.Context) error { told++; return refuse })
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.run(ctx) }()
	changeRules(t, conf)
	refuse = errors.New("roster is broken")
	if _, err := AdministerClients(t.Context(), conf, ChangeClients{Do: ClientsAllow, Prefix: "-XX"}); err == nil || !strings.Contains(err.Error(), "roster is broken") {
		t.Errorf("a change that did not reach the announces: %v", err)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if told != 4 { // three changes and the refused one; lists and errors tell nobody
		t.Errorf("the announce path was told %d times", told)
	}
	if _, err := os.Stat(filepath.Join(conf.Data, socketName)); err == nil {
		t.Error("the socket outlives its server")
	}
}

// A list of as many and as long rules as there may be fits into the socket's answer.
func TestLongestListFitsTheAnswer(t *testing.T) {
	var all ClientRules
	for range tracker.MaxClientRules {
		all.Rules = append(all.Rules, ClientRule{Prefix: strings.Repeat("<", tracker.MaxClientPrefix), Note: strings.Repeat("<", tracker.MaxClientNote), // <: 6 bytes in JSON
			ChangedAt: time.Now(), ChangedBy: strings.Repeat("n", 32)})
	}
	if raw, err := json.Marshal(all); err != nil || len(raw) > maxAdminAnswer {
		t.Errorf("%d bytes, %d are read: %v", len(raw), maxAdminAnswer, err)
	}
}

// openSocket is a database whose administrative commands are taken over the socket.
func openSocket(t *testing.T) (Config, *store.Store, *adminServer) {
	t.Helper()
	conf := quick(t.TempDir())
	st, err := store.Open(t.Context(), conf.Data, store.Options{Economy: conf.economy()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	release, err := Lock(conf.Data) // a command that went past the socket would fail
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	a, err := listenAdmin(conf.Data, func(context.Context, AddMember) (AddedMember, error) { return AddedMember{}, nil }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return conf, st, a
}
