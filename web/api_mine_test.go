package web_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// A program sees of a member's torrents what the pages show.
func TestMineByAPI(t *testing.T) {
	w, mina := ownWorld(t, "seeded", "taken", "dear", "poor", "gated", "partial")
	if v := w.want(mina.get("/api/v1/mine/downloads"), 200).json(t); only(v, "downloads", "total", "cost_utok", "next") != "[] 0 0 " {
		t.Errorf("%v", v)
	}
	const half = 2 * bt.GiB
	now := w.now().UnixMilli()
	leech := func(torrent bt.TorrentID, change func(*swarm.SessionRow)) swarm.SessionRow {
		return ownSession(torrent, func(r *swarm.SessionRow) { r.Left = half; change(r) })
	}
	download := func(torrent bt.TorrentID, quote, first tokens.Amount) swarm.DownloadRow {
		return swarm.DownloadRow{DownloadKey: swarm.DownloadKey{Torrent: torrent}, Metered: half, Billed: half, MaxLeft: 2 * half, MinLeft: half,
			Cost: 3 * tokens.Unit, CostRem: 1, Quote: quote, QuoteMs: now, FirstQuote: first, FirstMs: now - int64(torrent)}
	}
	w.ownFlush(1, []swarm.SessionRow{
		ownSession(1, func(r *swarm.SessionRow) { r.SeedingMs, r.Uploaded = now, 7*bt.GiB }),
		leech(2, func(r *swarm.SessionRow) { r.Funded = true }),
		leech(3, func(*swarm.SessionRow) {}),
		leech(4, func(*swarm.SessionRow) {}),
		leech(5, func(r *swarm.SessionRow) { r.Refused = true }),
		leech(6, func(r *swarm.SessionRow) { r.Paused = true }),
	}, download(2, 5*tokens.Unit, tokens.Unit), download(3, tokens.Unit, 1), download(4, 100*tokens.Unit, 100*tokens.Unit), download(5, 1, 1))
	w.exec("UPDATE torrents SET price_utok_per_gib = ? WHERE id = 3", 90*tokens.Unit)

	states := map[string]string{}
	for _, d := range w.rows(mina.get("/api/v1/mine/downloads"), "downloads") {
		states[d["name"].(string)] = only(d, "state", "done_ppm", "cost_utok", "projected_utok", "pays_utok_per_gib", "max_price_utok_per_gib", "own_max", "missing_utok", "client")
	}
	if want := "running 500000 3000001 13000001 5000000 20000000 false 0 qBittorrent 5.0.5"; states["taken"] != want {
		t.Errorf("taken: %s, want %s", states["taken"], want)
	}
	for name, state := range map[string]string{"dear": "price", "poor": "funds", "gated": "gate"} {
		if !strings.HasPrefix(states[name], state+" ") {
			t.Errorf("%s: %s", name, states[name])
		}
	}
	if got := fmt.Sprint(mina.walk("/api/v1/mine/downloads", "downloads", "name", 3)); got != "[gated poor dear taken]" {
		t.Errorf("downloads %s", got)
	}
	if v := w.want(mina.get("/api/v1/mine/downloads"), 200).json(t); only(v, "total", "seeding") != "4 2" {
		t.Errorf("%v", v)
	}
	if got := fmt.Sprint(mina.walk("/api/v1/mine/seeding", "torrents", "name", 1)); got != "[partial seeded]" {
		t.Errorf("seeding %s", got)
	}
	seeded := w.rows(mina.get("/api/v1/mine/seeding"), "torrents")[1]
	if only(seeded, "clients", "done_ppm", "uploaded_bytes", "seeders", "leechers", "withdrawn") != "1 1e+06 7.516192768e+09 3 2 false" || seeded["since_at"] == nil {
		t.Errorf("%v", seeded)
	}
	if got := fmt.Sprint(mina.walk("/api/v1/mine/history", "downloads", "name", 3)); got != "[taken dear poor gated]" {
		t.Errorf("history %s", got)
	}
	if d := w.rows(mina.get("/api/v1/mine/history"), "downloads")[0]; only(d, "cost_utok", "average_utok_per_gib", "completed_at", "size_bytes") != "3000001 1500000 <nil> 4.294967296e+09" {
		t.Errorf("%v", d)
	}

	clients := mina.walk("/api/v1/mine/clients", "clients", "torrent", 4)
	if len(clients) != 6 {
		t.Errorf("clients of %q", clients)
	}
	if c := w.rows(mina.get("/api/v1/mine/clients"), "clients")[0]; only(c, "client", "prefix", "address") != "qBittorrent 5.0.5 -qB5050- 192.0.2.9:6881" {
		t.Errorf("%v", c)
	}
	if got := fmt.Sprint(w.client("swst_uploader").walk("/api/v1/mine/uploads", "torrents", "name", 4)); got != "[partial gated poor dear taken seeded]" {
		t.Errorf("uploads %s", got)
	}
	if u := w.rows(w.client("swst_uploader").get("/api/v1/mine/uploads"), "torrents")[0]; only(u, "approved", "hosts", "seeders", "downloaded", "earned_utok") != "false 0 3 7 0" {
		t.Errorf("%v", u)
	}
	if got := mina.walk("/api/v1/mine/uploads", "torrents", "name", 4); len(got) != 0 {
		t.Errorf("mina uploaded %q", got)
	}
}

func TestNotificationsByAPI(t *testing.T) {
	w, mina := ownWorld(t, "film")
	for range 5 {
		w.ownTell(2, store.NotifyLowBalance, "torrent/1", 1.5e6)
		w.later(time.Second)
	}
	w.ownTell(1, store.NotifyPayout, "epoch/1", 1)
	if got := fmt.Sprint(mina.walk("/api/v1/notifications", "notifications", "id", 2)); got != "[5 4 3 2 1]" {
		t.Errorf("notifications %s", got)
	}
	n := w.rows(mina.get("/api/v1/notifications"), "notifications")[0]
	if only(n, "kind", "group", "bad", "act_path", "unread") != "low-balance Money true /buy?tokens=1.5 true" || !strings.Contains(n["text"].(string), "“film”") {
		t.Errorf("%v", n)
	}
	w.want(mina.post("/api/v1/notifications/2/read", ""), 204)
	w.problem(mina.post("/api/v1/notifications/6/read", ""), 404, "not_found") // another member's
	if got := fmt.Sprint(mina.walk("/api/v1/notifications?show=unread", "notifications", "id", 2)); got != "[5 4 3 1]" {
		t.Errorf("unread %s", got)
	}
	w.problem(mina.get("/api/v1/notifications?show=read"), 400, "show")
	until := w.rows(mina.get("/api/v1/notifications"), "notifications")[2]["at"].(string)
	w.want(mina.post("/api/v1/notifications/read", fmt.Sprintf(`{"until":%q}`, until)), 204)
	if v := w.want(mina.get("/api/v1/notifications?show=unread"), 200).json(t); v["unread"] != 2.0 || len(v["notifications"].([]any)) != 2 {
		t.Errorf("%v", v)
	}
	w.problem(mina.post("/api/v1/notifications/read", `{}`), 422, "until")
	w.problem(mina.post("/api/v1/notifications/read", `{"until":"soon"}`), 400, "json")

	on := func(r reply) (off []string) {
		for _, k := range w.rows(r, "kinds") {
			if k["on"] == false {
				off = append(off, k["kind"].(string))
			}
		}
		return off
	}
	if off := on(mina.get("/api/v1/notifications/settings")); len(off) != 0 {
		t.Errorf("off from the beginning: %q", off)
	}
	if off := on(mina.put("/api/v1/notifications/settings", `{"off":["payout","comment"]}`)); len(off) != 2 {
		t.Errorf("off: %q", off)
	}
	for _, bad := range []string{`{"off":["sign-in"]}`, `{"off":["nonsense"]}`} {
		w.problem(mina.put("/api/v1/notifications/settings", bad), 422, "range")
	}
	w.problem(mina.put("/api/v1/notifications/settings", `{}`), 422, "off")
	if off := on(mina.put("/api/v1/notifications/settings", `{"off":[]}`)); len(off) != 0 {
		t.Errorf("off: %q", off)
	}
}

// Rankings show to programs what they show to people, and members only who want to be shown.
func TestTopListsByAPI(t *testing.T) {
	w, taker, seeder := busy(t, 4)
	v := w.want(taker.get("/api/v1/top/wanted"), 200).json(t)
	if len(v["now"].([]any)) != 0 || only(v["lately"].([]any)[0].(map[string]any), "name", "bytes", "hosts", "approved") != "debian-13.2-amd64-netinst.iso 9.437184e+08 1 true" {
		t.Errorf("%v", v)
	}
	w.exec("UPDATE listing SET demand_bytes = 5000")
	if v := w.want(taker.get("/api/v1/top/wanted"), 200).json(t); v["now"].([]any)[0].(map[string]any)["bytes"] != 5000.0 {
		t.Errorf("%v", v)
	}
	w.offers()
	if v := w.rows(taker.get("/api/v1/top/scarce"), "torrents"); len(v) != 1 || only(v[0], "infohash", "day_bytes", "hosts") != strings.Repeat("a", 40)+" 9.663676416e+09 1" {
		t.Errorf("%v", v)
	}
	if v := w.rows(taker.get("/api/v1/top/earning"), "torrents"); len(v) != 1 || v[0]["day_utok_per_gib"] == "0" || v[0]["free"] != false {
		t.Errorf("%v", v)
	}

	if v := w.want(seeder.get("/api/v1/top/listing"), 200).json(t); only(v, "listed", "days", "uploaded_bytes") != "false 30 9.437184e+08" {
		t.Errorf("%v", v)
	}
	if got := w.rows(taker.get("/api/v1/top/uploaders"), "members"); len(got) != 0 {
		t.Errorf("listed without having asked: %v", got)
	}
	w.problem(seeder.put("/api/v1/top/listing", `{}`), 422, "listed")
	if v := w.want(seeder.put("/api/v1/top/listing", `{"listed":true}`), 200).json(t); v["listed"] != true {
		t.Errorf("%v", v)
	}
	for _, path := range []string{"/api/v1/top/uploaders", "/api/v1/top/uploaders?by=bytes"} {
		if v := w.rows(seeder.get(path), "members"); len(v) != 1 || only(v[0], "place", "member", "me", "earned_utok", "bytes") != "1 seeder true 7200000 9.437184e+08" {
			t.Errorf("%s: %v", path, v)
		}
	}
	if v := w.want(taker.get("/api/v1/top/hosts?by=bytes"), 200).json(t); v["listed"] != false || v["mine"].(map[string]any)["bytes"] != 0.0 {
		t.Errorf("%v", v)
	}
	w.problem(taker.get("/api/v1/top/hosts?by=name"), 400, "by")
	w.want(seeder.put("/api/v1/top/listing", `{"listed":false}`), 200)
	if got := w.rows(taker.get("/api/v1/top/uploaders"), "members"); len(got) != 0 {
		t.Errorf("still listed: %v", got)
	}
}

// The economy is for everybody to see.
func TestEconomyByAPI(t *testing.T) {
	w, _, _ := busy(t, 4)
	guest := w.client("")
	v := w.want(guest.get("/api/v1/economy"), 200).json(t)
	if v["supply_utok"] == "0" || only(v, "symbol", "members", "torrents") != "VIDYA 2 1" || v["gate"].(map[string]any)["full"] != false {
		t.Errorf("%v", v)
	}
	if got := fmt.Sprint(guest.walk("/api/v1/economy/epochs", "epochs", "epoch", 2)); got != "[5 4 3 2 1]" {
		t.Errorf("epochs %s", got)
	}
	list := w.rows(guest.get("/api/v1/economy/epochs"), "epochs")
	if list[0]["ended_at"] != nil || list[4]["settled_at"] == nil || list[4]["kept"] != true || list[4]["charged_utok"] != "3000000" {
		t.Errorf("%v", list)
	}
}
