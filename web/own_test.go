package web_test

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// ownWorld has member 1, who uploaded some torrents of 4 GiB, and member 2, who is mina.
func ownWorld(t *testing.T, names ...string) (w *world, mine *client) {
	t.Helper()
	w = newWorld(t)
	up := w.member("uploader", 100*tokens.Unit, 60*tokens.Unit)
	for _, name := range names {
		w.want(up.upload(bigTorrent(name)), 201)
	}
	mine = w.member("mina", 100*tokens.Unit, 60*tokens.Unit)
	mine.http = w.browser().http // which does not follow redirects
	return w, mine
}

// ownFlush writes sessions and downloads of member 2 as the meter would.
func (w *world) ownFlush(number int64, sessions []swarm.SessionRow, downloads ...swarm.DownloadRow) {
	w.Helper()
	b := &swarm.Batch{Number: number, Downloads: downloads}
	for i, r := range sessions {
		r.Member, r.Generation, r.Seq = 2, 1, number
		if r.PeerID == (bt.PeerID{}) {
			copy(r.PeerID[:], fmt.Sprintf("-qB5050-%012d", i))
		}
		if r.LastMs == 0 {
			r.LastMs = w.now().UnixMilli()
		}
		r.Addr = netip.MustParseAddrPort("192.0.2.9:6881")
		b.Sessions = append(b.Sessions, r)
	}
	for i := range b.Downloads {
		b.Downloads[i].Member, b.Downloads[i].Seq = 2, number
	}
	if err := w.store.Flush(w.Context(), b); err != nil {
		w.Fatal(err)
	}
}

func ownSession(torrent bt.TorrentID, change func(*swarm.SessionRow)) swarm.SessionRow {
	r := swarm.SessionRow{SessionKey: swarm.SessionKey{Torrent: torrent}}
	change(&r)
	return r
}

var ownTag = regexp.MustCompile(`<[^>]*>`)

// ownHas looks for pieces of text in a page, whatever white space and tags are between words.
func (w *world) ownHas(r reply, want ...string) {
	w.Helper()
	_, main, _ := strings.Cut(text(w.want(r, 200)), "<main")
	main, _, _ = strings.Cut(main, "</main>")
	page := strings.Join(strings.Fields(ownTag.ReplaceAllString(main, " ")), " ")
	for _, s := range want {
		if !strings.Contains(page, s) {
			w.Errorf("%q is not in\n%s", s, page)
		}
	}
}

func TestMineShowsWhatRunsNow(t *testing.T) {
	w, mina := ownWorld(t, "seeded", "taken", "dear", "poor", "gated", "partial")
	w.ownHas(mina.get("/mine"), "Nothing is being downloaded", "You seed nothing at the moment", "Earned in 24 h 0 VIDYA")
	const half = 2 * bt.GiB
	now := w.now().UnixMilli()
	leech := func(torrent bt.TorrentID, change func(*swarm.SessionRow)) swarm.SessionRow {
		return ownSession(torrent, func(r *swarm.SessionRow) { r.Left = half; change(r) })
	}
	download := func(torrent bt.TorrentID, quote, first tokens.Amount) swarm.DownloadRow {
		return swarm.DownloadRow{DownloadKey: swarm.DownloadKey{Torrent: torrent}, Metered: half, Billed: half, MaxLeft: 2 * half, MinLeft: half,
			Cost: 3 * tokens.Unit, CostRem: 1, Quote: quote, QuoteMs: now, FirstQuote: first, FirstMs: now}
	}
	w.ownFlush(1, []swarm.SessionRow{
		ownSession(1, func(r *swarm.SessionRow) { r.SeedingMs, r.Uploaded = now, 7*bt.GiB }),
		ownSession(1, func(r *swarm.SessionRow) { r.SeedingMs, r.LastMs = now, now-1000 }),
		leech(2, func(r *swarm.SessionRow) { r.Funded = true }),
		leech(3, func(*swarm.SessionRow) {}),
		leech(4, func(*swarm.SessionRow) {}),
		leech(5, func(r *swarm.SessionRow) { r.Refused = true }),
		leech(6, func(r *swarm.SessionRow) { r.Paused = true }),
	}, download(2, 5*tokens.Unit, tokens.Unit), download(3, tokens.Unit, 1), download(4, 100*tokens.Unit, 100*tokens.Unit), download(5, 1, 1))
	w.exec("UPDATE torrents SET price_utok_per_gib = ? WHERE id = 3", 90*tokens.Unit)
	w.ownHas(mina.get("/mine"), "Downloading 4 ", "to come at the prices of now", "Seeding 2 ", "In full, at this price", // a quote ends: it may become more
		"taken qBittorrent 5.0.5 running 50 % 50 % of 4.00 GiB 3.000001 VIDYA 13.000001 VIDYA 5 VIDYA 10 VIDYA for others at most 20 VIDYA per GiB by the rule",
		"dear qBittorrent 5.0.5 waits for the price",
		"poor qBittorrent 5.0.5 waits for funds 100 VIDYA more are needed. Buy them",
		"gated qBittorrent 5.0.5 refused",
		"partial qBittorrent 5.0.5, seen just now 50 % of it",
		"seeded qBittorrent 5.0.5 and 2 clients in all", "3 / 2", "7.00 GiB")

	// What the meter knows better is shown instead, and consent that the member gave.
	fresh := download(2, 5*tokens.Unit, tokens.Unit)
	fresh.Metered, fresh.MinLeft, fresh.Cost = 3*bt.GiB, bt.GiB, 9*tokens.Unit
	w.live.downloads = map[swarm.DownloadKey]swarm.DownloadRow{{Member: 2, Torrent: 2}: fresh}
	if err := w.store.SetMaxPrice(t.Context(), 2, 6*tokens.Unit); err != nil {
		t.Fatal(err)
	}
	if err := w.store.SetBudget(t.Context(), store.Budget{Member: 2, Torrent: 2, Bytes: bt.GiB}); err != nil {
		t.Fatal(err)
	}
	w.ownHas(mina.get("/mine"), "75 % of 4.00 GiB 9.000001 VIDYA 14.000001 VIDYA", "at most 6 VIDYA per GiB; budget 1.00 GiB")

	w.clock.Add(int64(2 * time.Hour)) // everybody went silent
	w.ownHas(mina.get("/mine"), "Downloading 0 ", "Seeding 0 ", "Nothing is being downloaded")
}

func TestMineIsPaged(t *testing.T) {
	var names []string
	for i := range 53 {
		names = append(names, fmt.Sprintf("name-%02d", i))
	}
	w, mina := ownWorld(t, names...)
	var sessions []swarm.SessionRow
	var downloads []swarm.DownloadRow
	for i := range names {
		sessions = append(sessions, ownSession(bt.TorrentID(i+1), func(r *swarm.SessionRow) { r.SeedingMs = 1 }))
		downloads = append(downloads, swarm.DownloadRow{DownloadKey: swarm.DownloadKey{Torrent: bt.TorrentID(i + 1)}, FirstMs: int64(1000 + i/2)})
	}
	w.ownFlush(1, sessions, downloads...)
	uploader := w.client("swst_uploader")
	for path, c := range map[string]*client{"/mine": mina, "/mine/history": mina, "/mine/uploads": uploader} {
		seen := map[string]bool{}
		next := path
		for range 3 {
			page := text(w.want(c.get(next), 200))
			for _, n := range names {
				if strings.Contains(page, ">"+n+"</a>") {
					if seen[n] {
						t.Errorf("%s: %s is on two pages", path, n)
					}
					seen[n] = true
				}
			}
			_, rest, more := strings.Cut(page, `href="`+path+"?cursor=")
			if !more {
				break
			}
			cursor, _, _ := strings.Cut(rest, `"`)
			next = path + "?cursor=" + strings.TrimSuffix(cursor, "#seeding")
		}
		if len(seen) != len(names) {
			t.Errorf("%s: %d of %d are on its pages", path, len(seen), len(names))
		}
		w.ownHas(c.get(path+"?cursor=1"+map[bool]string{true: ".1"}[path == "/mine/history"]), "There are no older ones")
		for _, bad := range []string{"x", "-1", "1.x", "99999999999999999999", "%00"} {
			if r := c.get(path + "?cursor=" + bad); r.status != 400 {
				t.Errorf("%s with cursor %q: %d", path, bad, r.status)
			}
		}
	}
}

func TestHistoryAndUploadsSayWhatCameOfThem(t *testing.T) {
	w, mina := ownWorld(t, "one", "two")
	w.ownHas(mina.get("/mine/history"), "You have downloaded nothing yet")
	w.ownHas(mina.get("/mine/uploads"), "You have uploaded nothing yet")
	at := time.Date(2026, 3, 4, 5, 6, 0, 0, time.UTC).UnixMilli()
	w.ownFlush(1, nil,
		swarm.DownloadRow{DownloadKey: swarm.DownloadKey{Torrent: 1}, Metered: 3 * bt.GiB, Billed: 2 * bt.GiB, Cost: 7 * tokens.Unit, FirstMs: at, Completed: at + 3600_000},
		swarm.DownloadRow{DownloadKey: swarm.DownloadKey{Torrent: 2}, FirstMs: at - 1})
	w.ownHas(mina.get("/mine/history"), "one 4.00 GiB Completed 2026-03-04 06:06 UTC 2026-03-04 05:06 UTC 2026-03-04 06:06 UTC 3.00 GiB / 2.00 GiB 7 VIDYA 3.5 VIDYA",
		"two 4.00 GiB not complete")

	if err := w.store.Post(t.Context(), tokens.Transfer{ID: "pay", Asset: tokens.Token, From: tokens.Issuance, To: tokens.Available(1), Amount: 11 * tokens.Unit, Code: tokens.CodeUpload, Ref: "torrent/2 epoch/1"}); err != nil {
		t.Fatal(err)
	}
	if err := w.store.ApproveTorrent(t.Context(), 2, 0); err != nil {
		t.Fatal(err)
	}
	w.exec("UPDATE torrents SET withdrawn_ms = 1 WHERE id = 1")
	w.ownHas(w.client("swst_uploader").get("/mine/uploads"), "two approved Uploaded ", "3 / 2 7 11 VIDYA", "one withdrawn Uploaded ")
}

func TestKeyIsResetAfterTheMemberUnderstood(t *testing.T) {
	w := newWorld(t)
	b := w.signUp("keyed")
	w.ownHas(b.get("/mine/key"), "Every .torrent file has to be downloaded again.", "the one that you got when you signed up")
	secret := func() [32]byte {
		t.Helper()
		list, err := w.store.RosterMembers(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		return list[0].Secret
	}
	was, told := secret(), w.roster.members.Load()
	if page := text(w.want(b.form("/mine/key", nil), 422)); !strings.Contains(page, "Tick that you know") || secret() != was {
		t.Error("a form without the tick did something else than ask for it")
	}
	r := w.want(b.form("/mine/key", map[string]string{"sure": "yes"}), 303)
	if r.header.Get("Location") != "/mine/key?done=1" || secret() == was || w.roster.members.Load() != told+1 {
		t.Errorf("goes to %s; changed: %v; the tracker was told %d times", r.header.Get("Location"), secret() != was, w.roster.members.Load()-told)
	}
	w.ownHas(b.get("/mine/key?done=1"), "Your key was replaced.", "Clients with the old key are told so until")
	w.ownHas(b.get("/notifications"), "Your announce key was replaced.")
	was = secret()
	if page := text(w.want(b.form("/mine/key", map[string]string{"sure": "yes"}), 409)); !strings.Contains(page, "less than 1 min ago") || secret() != was {
		t.Error("twice at once")
	}
	w.want(w.client("").post("/mine/key", "sure=yes", "Content-Type", "application/x-www-form-urlencoded"), 401)

	w.clock.Add(int64(time.Hour)) // long after the sign-in the member has to prove again who they are
	if page := text(w.want(b.form("/mine/key", map[string]string{"sure": "yes"}), 403)); !strings.Contains(page, "Confirm that it is you") || secret() != was {
		t.Error("an old session replaced the key")
	}
	w.want(b.form("/mine/key", map[string]string{"sure": "yes", "confirm_password": password}), 303)
	if secret() == was {
		t.Error("the key stayed after the confirmation")
	}
}
