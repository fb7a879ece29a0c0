package web_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
	"github.com/swarmstake/swarmstake/web"
)

// TestParametersWithTheirDates: guests see what is in force, what is pending, and page through the
// history.
func TestParametersWithTheirDates(t *testing.T) {
	w := newWorld(t, func(c *web.Config, _ *store.Economy) {
		c.Parameters = map[string]web.ParameterInfo{"surge.base": {Unit: "utok/GiB", Accepts: "0 to 9", Meaning: "download price"}}
	})
	set := func(values map[string]string) {
		t.Helper()
		if _, err := w.store.SetParameters(t.Context(), values, "configuration"); err != nil {
			t.Fatal(err)
		}
	}
	set(map[string]string{"surge.base": "5", "old.key": "x"})
	if _, err := w.store.NextEpoch(t.Context(), availability.DefaultParams(), [32]byte{}); err != nil {
		t.Fatal(err)
	}
	set(map[string]string{"surge.base": "6"})
	v := w.want(w.client("").get("/api/v1/economy/parameters"), 200).json(t)
	show := func(name string) string {
		var words []string
		for _, x := range v[name].([]any) {
			p := x.(map[string]any)
			words = append(words, fmt.Sprintf("%v=%v %v %v @%v %v", p["key"], p["value"], p["unit"], p["meaning"], p["from_epoch"], p["by"]))
		}
		return strings.Join(words, "; ")
	}
	const base5, base6, old = "surge.base=5 utok/GiB download price @1 configuration", "surge.base=6 utok/GiB download price @2 configuration", "old.key=x <nil> <nil> @1 configuration"
	if v["epoch"] != 1.0 || show("parameters") != old+"; "+base5 || show("pending") != base6 || show("history") != base6+"; "+base5+"; "+old {
		t.Errorf("epoch %v, in force %s, pending %s, history %s", v["epoch"], show("parameters"), show("pending"), show("history"))
	}
	w.problem(w.client("").get("/api/v1/economy/parameters?cursor=x"), 400, "cursor")
}

func TestHistoryOfParametersHasPages(t *testing.T) {
	w := newWorld(t)
	for i := range 105 {
		if _, err := w.store.SetParameters(t.Context(), map[string]string{"a": fmt.Sprint(i)}, "configuration"); err != nil {
			t.Fatal(err)
		}
	}
	first := w.want(w.client("").get("/api/v1/economy/parameters"), 200).json(t)
	rest := w.want(w.client("").get("/api/v1/economy/parameters?cursor="+first["next"].(string)), 200).json(t)
	got := rest["history"].([]any)
	if len(first["history"].([]any)) != 100 || len(got) != 5 || rest["next"] != "" || got[0].(map[string]any)["value"] != "4" {
		t.Errorf("first page ends with %v, then %v", first["next"], got)
	}
}

// TestEpochShowsHowItsPotWasSplit: after the settlement everybody sees each torrent's split; before
// it nobody sees anything but when the epoch was.
func TestEpochShowsHowItsPotWasSplit(t *testing.T) {
	w := newWorld(t)
	m, err := w.store.AddMember(t.Context(), store.Grant{NewMember: store.NewMember{Name: "leecher"}, Tokens: 100 * tokens.Unit})
	if err != nil {
		t.Fatal(err)
	}
	const torrents = 21 // more than a page
	e, err := w.store.NextEpoch(t.Context(), availability.DefaultParams(), [32]byte{0xab})
	if err != nil {
		t.Fatal(err)
	}
	b := &swarm.Batch{Number: 1}
	for i := range torrents {
		id, err := w.store.AddTorrent(t.Context(), store.NewTorrent{InfoHash: bt.InfoHash{byte(i + 1)}, Name: "t", Size: 1 << 20, PieceBytes: 1 << 18, Files: 1, Metainfo: []byte{0}, Uploader: m.Member.ID})
		if err != nil {
			t.Fatal(err)
		}
		k := swarm.DownloadKey{Member: m.Member.ID, Torrent: id}
		b.Downloads = append(b.Downloads, swarm.DownloadRow{DownloadKey: k, MaxLeft: 1 << 20, MinLeft: 1 << 20, Seq: 1, FirstMs: 1})
		b.Usage = append(b.Usage, swarm.UsageRow{Epoch: 1, DownloadKey: k, Billed: 10, Charge: 100, FromMs: e.StartMs, ToMs: e.StartMs + 1})
	}
	if err := w.store.Flush(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	guest := w.client("")
	w.problem(guest.get("/api/v1/economy/epochs/1"), 409, "epoch_under_way")
	w.clock.Add(1000)
	if _, err := w.store.NextEpoch(t.Context(), availability.DefaultParams(), [32]byte{}); err != nil {
		t.Fatal(err)
	}
	waiting := guest.get("/api/v1/economy/epochs/1")
	if w.problem(waiting, 409, "epoch_not_settled"); strings.Contains(string(waiting.body), fmt.Sprintf("%x", e.Seed)) || strings.Contains(string(waiting.body), "utok") {
		t.Errorf("before the settlement: %s", waiting.body)
	}
	epochs, err := w.store.Epochs(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.SettleEpoch(t.Context(), store.Rules{Settle: settle.DefaultParams(), Availability: availability.DefaultParams(), Surge: surge.DefaultParams()}, epochs[0]); err != nil {
		t.Fatal(err)
	}
	v := w.want(guest.get("/api/v1/economy/epochs/1"), 200).json(t)
	report, page := v["epoch"].(map[string]any), v["torrents"].([]any)
	if report["seed"] != fmt.Sprintf("%x", e.Seed) || report["pot_utok"] != "2100" || report["number"] != 1.0 || len(page) != 20 {
		t.Errorf("%d torrents, %v", len(page), report)
	}
	split := page[0].(map[string]any)["splits"].([]any)[0].(map[string]any)
	if d := split["downloads"].([]any)[0].(map[string]any); split["charged_utok"] != "100" || d["charged_utok"] != "100" || d["bytes"] != 10.0 {
		t.Errorf("split %v", split)
	}
	rest := w.want(guest.get("/api/v1/economy/epochs/1?cursor="+v["next"].(string)), 200).json(t)
	if len(rest["torrents"].([]any)) != torrents-20 || rest["next"] != "" {
		t.Errorf("second page %v", rest["torrents"])
	}
	for _, unknown := range []string{"3", "0", "x", "-1", "99999999999999999999"} {
		w.problem(guest.get("/api/v1/economy/epochs/"+unknown), 404, "not_found")
	}
}
