package tracker_test

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tracker"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

func policy(t testing.TB, rules ...tracker.ClientRule) tracker.ClientPolicy {
	t.Helper()
	p, err := tracker.NewClientPolicy(rules)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// peerID pads a prefix as clients do.
func peerID(prefix string) (id bt.PeerID) {
	copy(id[:], prefix+"abcdefghijklmnopqrst")
	return id
}

func TestClientPolicy(t *testing.T) {
	allow := func(p string) tracker.ClientRule { return tracker.ClientRule{Prefix: p, Allow: true} }
	deny := func(p string) tracker.ClientRule { return tracker.ClientRule{Prefix: p} }
	const full = "-TR4050-abcdefghijkl"
	for name, c := range map[string]struct {
		rules []tracker.ClientRule
		yes   []string
		no    []string
	}{
		"no rules":             {nil, []string{"-TR4050-", "A2-1-36-0-", "\x00\xff"}, nil},
		"only denying":         {[]tracker.ClientRule{deny("-TR0")}, []string{"-TR4", "-qB4", "\x00"}, []string{"-TR0006-"}},
		"only listed":          {[]tracker.ClientRule{allow("-qB")}, []string{"-qB4520-"}, []string{"-TR4", "-q", "\xff"}},
		"longest decides":      {[]tracker.ClientRule{allow("-"), deny("-TR"), allow("-TR4"), deny("-TR4Z")}, []string{"-qB", "-TR4050-"}, []string{"-TR3000-", "-TR4Z", "A2-"}},
		"order does not count": {[]tracker.ClientRule{deny("-TR4Z"), allow("-TR4"), deny("-TR"), allow("-")}, []string{"-qB", "-TR4050-"}, []string{"-TR3000-", "-TR4Z", "A2-"}},
		"a whole id":           {[]tracker.ClientRule{deny(full)}, []string{"-TR4050-abcdefghijkm"}, []string{full}},
		"case counts":          {[]tracker.ClientRule{allow("-lt")}, []string{"-lt0D80-"}, []string{"-LT2080-"}},
	} {
		p := policy(t, c.rules...)
		for _, id := range c.yes {
			if !p.Allows(peerID(id)) {
				t.Errorf("%s: %q is denied", name, id)
			}
		}
		for _, id := range c.no {
			if p.Allows(peerID(id)) {
				t.Errorf("%s: %q is allowed", name, id)
			}
		}
	}
	var none tracker.ClientPolicy
	if _, found := none.Rule(peerID("-TR")); !none.Allows(peerID("-TR")) || found || !none.AllowsUnlisted() {
		t.Error("the zero policy does not allow all")
	}
}

func TestClientRulesAreChecked(t *testing.T) {
	for name, rules := range map[string][]tracker.ClientRule{
		"empty":         {{Prefix: ""}},
		"too long":      {{Prefix: strings.Repeat("a", 21)}},
		"binary":        {{Prefix: "-TR\x00"}},
		"not ASCII":     {{Prefix: "µT"}},
		"blank":         {{Prefix: "-TR 4"}},
		"twice":         {{Prefix: "-TR", Allow: true}, {Prefix: "-qB"}, {Prefix: "-TR"}},
		"long note":     {{Prefix: "-TR", Note: strings.Repeat("n", tracker.MaxClientNote+1)}},
		"too many":      manyRules(tracker.MaxClientRules + 1),
		"after a right": {{Prefix: "-TR"}, {Prefix: "\x7f"}},
	} {
		if _, err := tracker.NewClientPolicy(rules); !errors.Is(err, tracker.ErrClientRule) {
			t.Errorf("%s: %v", name, err)
		}
	}
	most := manyRules(tracker.MaxClientRules)
	p := policy(t, most...)
	for _, r := range most {
		if got, ok := p.Rule(peerID(r.Prefix)); !ok || got.Prefix != r.Prefix {
			t.Fatalf("rule %q answers for %q", got.Prefix, r.Prefix)
		}
	}
}

// manyRules are n rules of full length that have little in common.
func manyRules(n int) (out []tracker.ClientRule) {
	for i := range n {
		digits := fmt.Sprintf("%04d", i)
		out = append(out, tracker.ClientRule{Prefix: digits[3:] + digits[2:3] + digits[1:2] + digits[:1] + strings.Repeat("~", 16), Allow: true})
	}
	return out
}

// The table says what a plain search for the longest prefix says.
func TestClientPolicyIsLongestPrefix(t *testing.T) {
	letters := rapid.SampledFrom([]byte("-TRqB40~"))
	rapid.Check(t, func(t *rapid.T) {
		rules := map[string]bool{}
		for range rapid.IntRange(0, 30).Draw(t, "rules") {
			rules[string(rapid.SliceOfN(letters, 1, 6).Draw(t, "prefix"))] = rapid.Bool().Draw(t, "allow")
		}
		var list []tracker.ClientRule
		open := true
		for prefix, allow := range rules {
			list = append(list, tracker.ClientRule{Prefix: prefix, Allow: allow})
			open = open && !allow
		}
		p, err := tracker.NewClientPolicy(list)
		if err != nil {
			t.Fatal(err)
		}
		var id bt.PeerID
		copy(id[:], rapid.SliceOfN(rapid.OneOf(letters, rapid.Byte()), 20, 20).Draw(t, "id"))
		want, best := open, ""
		for prefix, allow := range rules {
			if strings.HasPrefix(string(id[:]), prefix) && len(prefix) > len(best) {
				want, best = allow, prefix
			}
		}
		rule, _ := p.Rule(id)
		if p.Allows(id) != want || rule.Prefix != best || p.AllowsUnlisted() != open {
			t.Fatalf("%q of %v: %v by %q, want %v by %q", id, rules, p.Allows(id), rule.Prefix, want, best)
		}
	})
}

func TestClientPolicyAllocatesNothing(t *testing.T) {
	p, id := policy(t, tracker.DefaultClientRules()...), peerID("-qB4520-")
	if n := testing.AllocsPerRun(100, func() { p.Allows(id) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// capturedIDs are the peer ids that real clients sent, by user agent.
func capturedIDs(t *testing.T) map[string][]bt.PeerID {
	t.Helper()
	files, err := filepath.Glob("bt/testdata/*.tsv")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]bt.PeerID{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
			if len(f) != 4 || f[2] != "announce" {
				continue
			}
			a, err := bt.ParseAnnounce(f[3], netip.MustParseAddr("192.0.2.1"))
			if err != nil {
				t.Fatalf("%s: %v", f[1], err)
			}
			agent, _, _ := strings.Cut(f[1], "/")
			out[agent] = append(out[agent], a.PeerID)
		}
	}
	return out
}

func TestDefaultClientRules(t *testing.T) {
	p := policy(t, tracker.DefaultClientRules()...)
	captured := capturedIDs(t)
	names := map[string]string{"Transmission": "Transmission 3.00", "qBittorrent": "qBittorrent 4.5.2", "Deluge": "Deluge 2.0.3",
		"aria2": "aria2 1.36.0", "rtorrent": "rTorrent (libTorrent 0.13.8)"}
	for agent, name := range names {
		if len(captured[agent]) == 0 {
			t.Errorf("no announce of %s was captured", agent)
		}
		for _, id := range captured[agent] {
			if !p.Allows(id) || tracker.ClientName(id) != name {
				t.Errorf("%s: %q is %q, allowed: %v", agent, id, tracker.ClientName(id), p.Allows(id))
			}
		}
	}
	// libtorrent itself announces as -LT, its capture was made of Deluge; anacrolix/torrent was
	// captured under a name of its own, which nobody knows.
	for _, id := range []string{"-LT2080-", "-GT0003-", "-SS0001-", "-TR2940-", "-TR4060-", "-qB5050-", "-UT2210-", "-UT1850-", "-UM1870-", "-BI3600-", "-AZ5770-", "-KT5200-", "TIX0325-"} {
		if !p.Allows(peerID(id)) {
			t.Errorf("%s is denied", id)
		}
	}
	for _, id := range []string{"-TR0006-", "-TR2820-", "-qB3310-", "-DE1290-", "-lt0C60-", "-UT355W-", "-BT7110-", "-WW0107-", "-XL0012-", "exbc", "AZ2500BT", "-TK0100-", "M7-10-5-", "\x00"} {
		if p.Allows(peerID(id)) {
			t.Errorf("%q is allowed", id)
		}
		if rule, known := p.Rule(peerID(id)); known && rule.Note == "" {
			t.Errorf("%q is denied without a word", id)
		}
	}
}

func TestClientName(t *testing.T) {
	for id, want := range map[string]string{
		"-TR2940-": "Transmission 2.94", "-TR0072-": "Transmission 0.72", "-TR4050-": "Transmission 4.0.5", "-TR410Z-": "Transmission 4.1.0+",
		"-TR410B-": "Transmission 4.1.0 beta", "-TR300Z-": "Transmission 3.00+", "-qB43A0-": "qBittorrent 4.3.10", "-DE13F0-": "Deluge 1.3.15",
		"-DE203s-": "Deluge 2.0.3", "-LT2080-": "libtorrent 2.0.8", "-lt0D80-": "rTorrent (libTorrent 0.13.8)", "-AZ5763-": "Vuze 5.7.6.3",
		"-KT5200-": "KTorrent 5.2", "-WW0107-": "WebTorrent 1.7", "-BC0170-": "BitComet 1.70", "TIX0325-": "Tixati 3.25", "-UT2210-": "µTorrent 2.2.1",
		"A2-1-36-0-": "aria2 1.36.0", "A2-1-37-0-\xaa": "aria2 1.37.0", "A2-\xff": "aria2", "-GT0003-": "anacrolix/torrent 0.0.0.3",
		"-TK0100-": "-TK0100-", "-TR\xff00\x01-": "-TR?00?-", "M7-10-5-": "M7-10-5-", "\x00\x01<b>&\"'": "??<b>&\"'", "TIX\xff": "TIX?abcd", "": "abcdefgh",
	} {
		if got := tracker.ClientName(peerID(id)); got != want {
			t.Errorf("%q is %q, want %q", id, got, want)
		}
	}
}

// Whatever bytes a client chooses, its name can be put into a text of one line.
func FuzzClientName(f *testing.F) {
	for _, s := range []string{"-TR4050-abcdefghijkl", "A2-1-36-0-xxxxxxxxxx", "A2-------------------", "A2-99999999999999999-", "TIX0\xff01-\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var id bt.PeerID
		copy(id[:], b)
		name := strings.ReplaceAll(tracker.ClientName(id), "µ", "u")
		if name == "" || len(name) > 64 || strings.ContainsFunc(name, func(c rune) bool { return c < ' ' || c > '~' }) {
			t.Errorf("%q is called %q", b, name)
		}
	})
}

func BenchmarkClientPolicy(b *testing.B) {
	p := policy(b, tracker.DefaultClientRules()...)
	for _, prefix := range []string{"-qB4520-", "-TR2940-", "A2-1-36-0-", "-zz0000-"} {
		id := peerID(prefix)
		b.Run(prefix, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.Allows(id)
			}
		})
	}
}
