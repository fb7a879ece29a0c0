package server

import (
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
)

// onWebsite announces a change as the site does, in the name of a new operator.
func (m *manual) onWebsite(from time.Time, values map[string]string) store.RulesChange {
	m.t.Helper()
	boss, err := m.store.AddMember(m.t.Context(), store.Grant{NewMember: store.NewMember{Name: "boss" + time.Now().Format("150405.000000000"), Operator: true}})
	if err != nil {
		m.t.Fatal(err)
	}
	c, err := m.store.ChangeRules(m.t.Context(), store.RulesOrder{By: boss.Member.ID, Values: values, From: from, Reason: "better so"}, rulebook{m.conf})
	if err != nil {
		m.t.Fatal(err)
	}
	return c
}

func (m *manual) gateIs(want tokens.Amount) {
	m.t.Helper()
	if got := m.rules().Economy.Gate; got != want {
		m.t.Errorf("the gate is %s, want %s", got, want)
	}
}

// TestAChangeOnTheWebsiteOutlivesARestart: the same configuration does not undo it, another value of that key in
// the configuration does, and the log says both.
func TestAChangeOnTheWebsiteOutlivesARestart(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir, unchanged)
	r.onWebsite(time.Time{}, map[string]string{"economy.gate": "70_000_000"})
	r.gateIs(50 * tokens.Unit)
	r.end()
	r = start(t, dir, unchanged)
	if want := `msg="a parameter stays as it was set on the website, until the configuration changes" key=economy.gate value=70000000 configuration=50000000`; !strings.Contains(r.log.String(), want) {
		t.Errorf("the log lacks %q: %s", want, r.log.String())
	}
	if err := r.nextEpoch(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.gateIs(70 * tokens.Unit)
	r.end()
	r = start(t, dir, func(c *Config) { c.Tracker.LinkCapBits = 8_000_000 }) // another key changes
	if err := r.nextEpoch(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.gateIs(70 * tokens.Unit)
	r.end()
	sixty := func(c *Config) { c.Economy.Gate = 60 * tokens.Unit }
	r = start(t, dir, sixty)
	for _, want := range []string{"takes the place of what was set on the website", "key=economy.gate from=70000000 to=60000000 from_epoch=4"} {
		if !strings.Contains(r.log.String(), want) {
			t.Errorf("the log lacks %q: %s", want, r.log.String())
		}
	}
	if err := r.nextEpoch(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.gateIs(60 * tokens.Unit)
	r.onWebsite(time.Time{}, map[string]string{"economy.gate": "80000000"}) // and again on the website
	r.end()
	r = start(t, dir, sixty)
	if err := r.nextEpoch(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.gateIs(80 * tokens.Unit)
}

// TestAChangeWithADateComesWithTheFirstEpochAfterIt, over a restart.
func TestAChangeWithADateComesWithTheFirstEpochAfterIt(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir, unchanged)
	c := r.onWebsite(time.Now().Add(time.Second), map[string]string{"economy.gate": "70000000"})
	r.end()
	r = start(t, dir, unchanged)
	missed := 0 // one at most: what became due while it was about to begin
	for r.rules().Economy.Gate != 70*tokens.Unit {
		if e := r.epoch(); e.StartMs >= c.FromMs {
			missed++
		}
		if missed > 1 {
			t.Fatalf("epoch %d began without it, from %d on", r.epoch().Number, c.FromMs)
		}
		if err := r.nextEpoch(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if e := r.epoch(); e.StartMs < c.FromMs {
		t.Errorf("epoch %d began at %d, before %d", e.Number, e.StartMs, c.FromMs)
	}
	if !strings.Contains(r.log.String(), `msg="a parameter changes" change=1 key=economy.gate from=50000000 to=70000000`) {
		t.Errorf("the log lacks the change: %s", r.log.String())
	}
}

// TestTheRulebookIsTheConfiguration: what a file could not say the website does not take.
func TestTheRulebookIsTheConfiguration(t *testing.T) {
	b := rulebook{DefaultConfig()}
	for _, tt := range []struct{ key, value, want, err string }{
		{"economy.gate", "60_000_000", "60000000", ""},
		{"surge.step", "60s", "1m", ""},
		{"economy.registration", "invite", "invite", ""},
		{"surge.step", "soon", "", "want a duration"},
		{"surge.step", "25h", "", "want 1ms to 24h"},
		{"economy.registration", "closed", "", "open or invite"},
		{"limits.key_burst", "5", "", "no parameter"}, // of the machine, not of the economy
		{"surge.forgotten", "5", "", "no parameter"},
		{"economy.correction_limit", "5000", "", "in the configuration only"}, // what bounds operators is not theirs to lift
	} {
		got, err := b.Canonical(tt.key, tt.value)
		if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s = %s: %q, %v", tt.key, tt.value, got, err)
		}
	}
	values := b.conf.dated()
	if e, err := b.Economy(values); err != nil || e != b.conf.economy() {
		t.Errorf("the defaults: %+v %v", e, err)
	}
	values["settle.uploaders_ppm"] = "500000"
	if _, err := b.Economy(values); err == nil || !strings.Contains(err.Error(), "[settle]") {
		t.Errorf("shares that are not the whole: %v", err)
	}
	values = b.conf.dated()
	values["economy.unbonding_time"] = "1h"
	if _, err := b.Economy(values); err == nil || !strings.Contains(err.Error(), "economy.unbonding_time = 1h") {
		t.Errorf("slashes that come too late: %v", err)
	}
}

// TestCorrectionsKnowWhoSpends: what is taken from there is kept from downloads meanwhile.
func TestCorrectionsKnowWhoSpends(t *testing.T) {
	for _, tt := range []struct {
		asset tokens.Asset
		from  tokens.Account
		want  bool
	}{
		{tokens.Token, tokens.Available(7), true}, {tokens.Quote, tokens.Available(7), false}, {tokens.Token, tokens.Staked(7), false},
		{tokens.Token, tokens.Treasury, false}, {tokens.Token, tokens.Collateral(7), false}, {tokens.Token, "nonsense", false},
	} {
		if m, ok := spender(store.CorrectionOrder{Asset: tt.asset, From: tt.from}); ok != tt.want || ok && m != 7 {
			t.Errorf("%s of %s: %d, %v", tt.asset, tt.from, m, ok)
		}
	}
}
