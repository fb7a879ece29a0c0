package cli

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/seeder/locate"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

func TestProspects(t *testing.T) {
	now := time.Date(2026, 1, 2, 10, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		left  time.Duration // of the epoch
		entry int64
		want  time.Duration // until the payout
	}{
		{30 * time.Minute, 900, 30*time.Minute + 45*time.Minute},
		{10 * time.Minute, 900, 70*time.Minute + 45*time.Minute},
		{15 * time.Minute, 900, 75*time.Minute + 45*time.Minute}, // at its very end nothing is left to be paid for
		{10 * time.Minute, 3 * 3600, 190*time.Minute + 45*time.Minute},
		{-5 * time.Minute, 60, 55*time.Minute + 45*time.Minute}, // an answer that is a little old
	} {
		e := seeder.MarketEconomy{EpochSeconds: 3600, SettleSeconds: 2700, EntryAuditSecs: tc.entry, EpochEndsAt: now.Add(tc.left)}
		p := prospectsOf(e, now)
		if p.Audit.Sub(now) != time.Duration(tc.entry)*time.Second || p.Payout.Sub(now) != tc.want {
			t.Errorf("%v left, audit within %d s: audit in %v, payout in %v; want %v", tc.left, tc.entry, p.Audit.Sub(now), p.Payout.Sub(now), tc.want)
		}
	}
}

func TestDefaultQuota(t *testing.T) {
	folder := t.TempDir()
	free, err := seeder.DiskFree(folder)
	if err != nil || free <= 0 {
		t.Fatalf("free: %d, %v", free, err)
	}
	below := filepath.Join(folder, "not", "yet")
	if _, err := defaultQuota(below, seeder.Settings{KeepFree: int64(free)}); err == nil {
		t.Error("space that is to be kept free was offered")
	}
	if free < leastQuota+200_000_000 {
		t.Skipf("only %d bytes are free here; the rest wants %d", free, leastQuota+200_000_000)
	}
	q, err := defaultQuota(below, seeder.Settings{KeepFree: 1})
	if err != nil || q < leastQuota || q > seeder.DefaultQuota || q%1_000_000 != 0 {
		t.Errorf("quota %d, %v", q, err)
	}
}

func TestMatchPrefersTheInfoHash(t *testing.T) {
	var ih bt.InfoHash
	ih[0] = 1
	market := []seeder.MarketTorrent{
		{InfoHash: "ff00000000000000000000000000000000000000", Name: "a", Size: 5},
		{InfoHash: ih.String(), Name: "other name", Size: 9},
		{InfoHash: "ee00000000000000000000000000000000000000", Name: "a", Size: 5},
		{InfoHash: "dd00000000000000000000000000000000000000", Name: "a", Size: 6},
	}
	got := match([]locate.Torrent{{InfoHash: ih, Name: "a", Size: 5}, {InfoHash: bt.InfoHash{2}, Name: "a", Size: 5}, {InfoHash: bt.InfoHash{3}, Name: "b", Size: 5}}, market, nil)
	if len(got) != 3 || got[0].how != byHash || len(got[0].torrents) != 1 || got[0].torrents[0].InfoHash != ih.String() {
		t.Errorf("by info-hash: %+v", got)
	}
	if got[1].how != byNameAndSize || len(got[1].torrents) != 2 {
		t.Errorf("by name and size: %+v", got[1])
	}
	if len(got[2].torrents) != 0 {
		t.Errorf("not on the tracker: %+v", got[2])
	}
}

func TestShown(t *testing.T) {
	for in, want := range map[string]string{"plain ü 日本": "plain ü 日本", "a\x1b[2Jb\nc": "a�[2Jb�c", "\u202egpj.exe": "�gpj.exe"} {
		if got := shown(in); got != want {
			t.Errorf("%q: %q; want %q", in, got, want)
		}
	}
	if got := []rune(shownName(string(make([]rune, 500)))); len(got) != maxShownName {
		t.Errorf("a long name has %d letters", len(got))
	}
}

func TestPercentOf(t *testing.T) {
	for _, tc := range [][3]int64{{1, 2, 50}, {0, 5, 0}, {1 << 60, 1 << 61, 50}, {5, 5, 100}} {
		if got := percentOf(tc[0], tc[1]); got != tc[2] {
			t.Errorf("%d of %d: %d %%", tc[0], tc[1], got)
		}
	}
}
