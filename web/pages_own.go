package web

import (
	"cmp"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

const (
	ownPage    = 50                 // rows of each of a member's own lists
	earnedDay  = 24 * time.Hour     // that "Now" adds up
	earnedWeek = 7 * 24 * time.Hour // that "Uploads" adds up
)

// ownPages are a member's own torrents, notifications and keys.
func (s *site) ownPages(r chi.Router) {
	r.Get("/mine", s.members(s.pageMine))
	r.Get("/mine/history", s.members(s.pageHistory))
	r.Get("/mine/uploads", s.members(s.pageUploads))
	s.keyPages(r)
	s.notificationPages(r)
}

// ownDownload is a running download as its member sees it.
type ownDownload struct {
	store.OwnSwarm
	Client   string
	Live     liveDownload  // what it costs
	MaxPrice tokens.Amount // utok per GiB, above which it waits
	Own      bool          // the member set that maximum
	State    ownState
	Missing  tokens.Amount // what the funds lack, if it waits for them
}

// ownState says whether a download goes on, and if not, what it waits for.
type ownState string

const (
	goesOn     ownState = "running"
	waitsGate  ownState = "gate"  // for stake, or the gate refused it for another reason
	waitsPrice ownState = "price" // for the price to fall below the maximum
	waitsFunds ownState = "funds" // for funds that cover the rest
)

// ownSeed is a torrent that a member seeds.
type ownSeed struct {
	store.OwnSwarm
	Client   string
	DonePPM  int64         // of a partial seed
	Earned   tokens.Amount // by sending it, in a day
	Seeders  int
	Leechers int
}

type mineData struct {
	Counts    store.OwnCounts
	Downloads []ownDownload
	Cut       bool // there are more than are listed
	Seeds     []ownSeed
	Paged     bool // not the first page
	More      string
	Cost      tokens.Amount // of the listed downloads so far
	Rest      tokens.Amount // likewise, still to come at the prices of now: it may become more
	Earned    tokens.Amount // by sending, in a day
	Live      time.Duration
}

func (s *site) pageMine(_ http.ResponseWriter, r *http.Request) (*view, error) {
	m := visitorOf(r).member.ID
	before, err := torrentCursor(r)
	if err != nil {
		return nil, err
	}
	d := &mineData{Paged: before > 0, Live: liveFor}
	if d.Counts, err = s.Store.OwnCounts(r.Context(), m, liveFor); err != nil {
		return nil, err
	}
	earned, err := s.Store.UploadsByTorrent(r.Context(), m, s.Now().Add(-earnedDay))
	if err != nil {
		return nil, err
	}
	for _, a := range earned {
		d.Earned += a
	}
	if err := s.fillDownloads(r, m, d); err != nil {
		return nil, err
	}
	list, next, err := s.Store.OwnSeeding(r.Context(), m, before, liveFor, ownPage)
	if err != nil {
		return nil, err
	}
	for _, o := range list {
		d.Seeds = append(d.Seeds, s.ownSeed(o, earned[o.ID]))
	}
	d.More = morePath("/mine", int64(next))
	return &view{name: "mine", title: "My torrents", data: d}, nil
}

func (s *site) fillDownloads(r *http.Request, m bt.MemberID, d *mineData) error {
	list, err := s.Store.OwnDownloads(r.Context(), m, liveFor)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return nil
	}
	limit, err := s.Store.MaxPrice(r.Context(), m)
	if err != nil {
		return err
	}
	w, err := s.Store.Wallet(r.Context(), m)
	if err != nil {
		return err
	}
	for _, o := range list {
		if live, ok := s.Live.Download(m, o.ID); ok {
			o.Download = live
		}
		x := s.ownDownload(o, limit)
		if x.State == waitsFunds {
			x.Missing = max(0, x.reserve()-max(0, w.Available-w.Reserved+o.Download.Reserved))
		}
		d.Downloads = append(d.Downloads, x)
		d.Cost, d.Rest = capped(d.Cost+x.Live.Cost), capped(d.Rest+x.Live.Projected-x.Live.Cost)
	}
	d.Cut = d.Counts.Downloading > len(d.Downloads)
	return nil
}

// ownDownload computes what a running download costs; limit is the member's maximum price, 0: the rule.
func (s *site) ownDownload(o store.OwnSwarm, limit tokens.Amount) ownDownload {
	x := ownDownload{OwnSwarm: o, Client: tracker.ClientName(o.PeerID), MaxPrice: limit, Own: limit > 0,
		Live: s.liveDownload(store.Running{DownloadRow: o.Download, InfoHash: o.InfoHash, Name: o.Name, Size: o.Size, Price: o.Price, FreeUntilMs: o.FreeUntilMs, Active: true})}
	if !x.Own {
		x.MaxPrice = 2 * max(cmp.Or(o.Download.FirstQuote, o.Price), s.Rules().Surge.Base) // as package swarm has it
	}
	x.State = x.state()
	return x
}

// reserve is what must be free so that the download goes on: the price of what is still to come, at most of
// the budget.
func (x ownDownload) reserve() tokens.Amount {
	rest := swarm.Reservable(max(0, x.Size-x.Live.Got), x.Budget)
	return surge.Need(x.Live.Price, max(0, rest-x.Download.ReservedFree))
}

func (x ownDownload) state() ownState {
	switch {
	case x.Funded || x.Live.Free:
		return goesOn
	case x.Refused:
		return waitsGate
	case x.Price > x.MaxPrice:
		return waitsPrice
	}
	return waitsFunds
}

// donePPM is the share of a torrent that a client has.
func donePPM(size, left bt.Bytes) int64 {
	if size <= 0 {
		return 1_000_000
	}
	return tokens.MulDiv(int64(max(0, size-left)), 1_000_000, int64(size))
}

func (s *site) ownSeed(o store.OwnSwarm, earned tokens.Amount) ownSeed {
	x := ownSeed{OwnSwarm: o, Client: tracker.ClientName(o.PeerID), DonePPM: donePPM(o.Size, o.Left), Earned: earned}
	x.Seeders, _, x.Leechers = s.Live.Swarm(o.ID)
	return x
}

// snatchRow is a download of the history.
type snatchRow struct {
	store.Snatch
	Cost    tokens.Amount
	Average tokens.Amount // utok per GiB of what was billed; 0: nothing was
}

func (s *site) pageHistory(_ http.ResponseWriter, r *http.Request) (*view, error) {
	after, err := parseCursor(r.URL.Query().Get("cursor"))
	if err != nil {
		return nil, err
	}
	list, next, err := s.Store.Snatches(r.Context(), visitorOf(r).member.ID, after, ownPage)
	if err != nil {
		return nil, err
	}
	more := ""
	if next.Set {
		more = "/mine/history?cursor=" + formatCursor(next)
	}
	return &view{name: "mine-history", title: "My downloads", data: map[string]any{"Rows": snatchRows(list), "More": more, "Paged": after.Set}}, nil
}

func snatchRows(list []store.Snatch) []snatchRow {
	var out []snatchRow
	for _, x := range list {
		out = append(out, snatchRow{x, surge.Due(x.Cost, x.CostRem), averagePrice(x.DownloadRow)})
	}
	return out
}

// averagePrice is what a GiB of the billed bytes cost, rounded down; those that the allowance paid for, and
// those that were free, make it less.
func averagePrice(d swarm.DownloadRow) tokens.Amount {
	if d.Billed <= 0 {
		return 0
	}
	return tokens.Amount(tokens.MulDiv(int64(surge.Due(d.Cost, d.CostRem)), int64(bt.GiB), int64(d.Billed)))
}

// uploadRow is a torrent that the member uploaded.
type uploadRow struct {
	store.OwnUpload
	Seeders, Snatches, Leechers int
	Earned                      tokens.Amount // by sending it, in a week
}

func (s *site) pageUploads(_ http.ResponseWriter, r *http.Request) (*view, error) {
	before, err := torrentCursor(r)
	if err != nil {
		return nil, err
	}
	rows, next, err := s.uploadRows(r, before, ownPage)
	if err != nil {
		return nil, err
	}
	return &view{name: "mine-uploads", title: "My uploads", data: map[string]any{"Rows": rows, "More": morePath("/mine/uploads", int64(next)), "Paged": before > 0}}, nil
}

// uploadRows reads a page of what the visitor uploaded, and where the next one begins; 0: nowhere.
func (s *site) uploadRows(r *http.Request, before bt.TorrentID, limit int) (rows []uploadRow, next bt.TorrentID, err error) {
	m := visitorOf(r).member.ID
	list, next, err := s.Store.OwnUploads(r.Context(), m, before, limit)
	if err != nil {
		return nil, 0, err
	}
	earned, err := s.Store.UploadsByTorrent(r.Context(), m, s.Now().Add(-earnedWeek))
	if err != nil {
		return nil, 0, err
	}
	for _, u := range list {
		row := uploadRow{OwnUpload: u, Earned: earned[u.ID]}
		row.Seeders, row.Snatches, row.Leechers = s.Live.Swarm(u.ID)
		rows = append(rows, row)
	}
	return rows, next, nil
}

// torrentCursor reads the number of a torrent below which a page begins.
func torrentCursor(r *http.Request) (bt.TorrentID, error) {
	n, err := parseBefore(r)
	if err != nil || n > 1<<32-1 {
		return 0, errCursor
	}
	return bt.TorrentID(n), nil
}

func morePath(path string, next int64) string {
	if next == 0 {
		return ""
	}
	return path + "?cursor=" + formatBefore(next)
}
