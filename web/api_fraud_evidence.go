package web

import (
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// flaggedView is what is known of a member.
type flaggedView struct {
	Member     bt.MemberID    `json:"member_id"`
	Name       string         `json:"member"`
	Honesty    int64          `json:"honesty_ppm" doc:"as the next settlement knows it"`
	Flags      []flagView     `json:"flags"`
	Notes      []flagNoteView `json:"notes" doc:"newest first"`
	Excess     []excessView   `json:"excess" doc:"claims beyond what downloads admitted, newest day first"`
	Silences   []silenceView  `json:"silences" doc:"times that a settlement found the member silent"`
	Taken      []takenView    `json:"unexplained" doc:"bytes that nobody admits and that it may have taken, newest epoch first"`
	Networks   []networkView  `json:"networks" doc:"that it shared with others in the last 30 days"`
	Inside     []insideView   `json:"paid_inside" doc:"who paid where the other was paid, among those who share a network"`
	Falls      []fallView     `json:"falls" doc:"downloads whose left fell by more than was admitted, the largest first"`
	Counters   []counterView  `json:"counters" doc:"clients that sent what honest ones do not"`
	Held       []heldView     `json:"probation" doc:"pay that waits, newest first"`
	Idle       []idleView     `json:"serves_nobody"`
	AdmitsLess []saidView     `json:"admits_less" doc:"what nodes of others say that they sent it"`
	ReportsToo []saidView     `json:"reports_too_much" doc:"what its nodes say that they sent others"`
}

// torrentRef names a torrent.
type torrentRef struct {
	InfoHash string `json:"infohash"`
	Torrent  string `json:"torrent"`
}

func refOf(t store.TorrentName) torrentRef { return torrentRef{t.InfoHash.String(), t.Name} }

type flagNoteView struct {
	Kind   string    `json:"kind"`
	Weight int64     `json:"weight" doc:"of the flag then"`
	Note   string    `json:"note"`
	By     string    `json:"by" doc:"an operator; empty: an administrative command"`
	At     time.Time `json:"created_at"`
}

type excessView struct {
	torrentRef
	Day      time.Time `json:"day_at"`
	Claimed  bt.Bytes  `json:"claimed_bytes"`
	Excess   bt.Bytes  `json:"excess_bytes"`
	Admitted bt.Bytes  `json:"admitted_bytes" doc:"by all downloads of the torrent on that day"`
}

type silenceView struct {
	At        time.Time  `json:"created_at"`
	Why       string     `json:"why"`
	ClearedAt *time.Time `json:"cleared_at" doc:"null: it stands"`
}

type takenView struct {
	torrentRef
	Epoch    int64          `json:"epoch"`
	Bytes    bt.Bytes       `json:"bytes"`
	Charged  Utok           `json:"charged_utok"`
	Reported bt.Bytes       `json:"reported_bytes" doc:"of the torrent, ever"`
	Size     bt.Bytes       `json:"size_bytes" doc:"of the torrent"`
	Says     []claimantView `json:"claimants" doc:"who claims them, the most first"`
}

type claimantView struct {
	Member bt.MemberID `json:"member_id"`
	Name   string      `json:"member"`
	Bytes  bt.Bytes    `json:"bytes"`
	Firm   bt.Bytes    `json:"firm_bytes" doc:"of them: beyond all that was admitted"`
}

type networkView struct {
	Network string              `json:"network" doc:"a /24 or /48"`
	Node    bool                `json:"node" doc:"a node of the member's was there too"`
	SeenAt  time.Time           `json:"seen_at"`
	Others  []networkMemberView `json:"others"`
}

type networkMemberView struct {
	Member bt.MemberID `json:"member_id"`
	Name   string      `json:"member"`
	Node   bool        `json:"node"`
	SeenAt time.Time   `json:"seen_at"`
}

type insideView struct {
	Payer     bt.MemberID `json:"payer_id"`
	PayerName string      `json:"payer"`
	Payee     bt.MemberID `json:"payee_id"`
	PayeeName string      `json:"payee"`
	Torrents  int         `json:"torrents"`
	Charged   Utok        `json:"charged_utok" doc:"to the payer, in epochs and torrents in which the payee was paid"`
	Paid      Utok        `json:"paid_utok" doc:"to the payee in these, by all downloads"`
}

type fallView struct {
	torrentRef
	Fell         bt.Bytes   `json:"fell_bytes"`
	Metered      bt.Bytes   `json:"metered_bytes"`
	Corroborated bt.Bytes   `json:"corroborated_bytes"`
	Beyond       bt.Bytes   `json:"beyond_bytes"`
	Seen         bt.Bytes   `json:"seen_bytes" doc:"that the prober last saw it have"`
	SeenAt       *time.Time `json:"seen_at" doc:"null: never"`
}

type counterView struct {
	torrentRef
	Client     string    `json:"client" doc:"by its peer id"`
	Announces  int64     `json:"announces" doc:"that honest clients do not send"`
	Uploaded   bt.Bytes  `json:"uploaded_bytes"`
	Downloaded bt.Bytes  `json:"downloaded_bytes"`
	Network    string    `json:"network" doc:"empty: it says nothing"`
	SeenAt     time.Time `json:"seen_at"`
}

type heldView struct {
	torrentRef
	Epoch  int64     `json:"epoch"`
	Amount Utok      `json:"amount_utok"`
	At     time.Time `json:"created_at"`
}

type idleView struct {
	Node         bt.NodeID `json:"node" doc:"0: standard clients"`
	Failures     int       `json:"epochs" doc:"in a row"`
	WithheldFrom int64     `json:"withheld_from_epoch" doc:"the first that earns nothing; 0: none"`
	TriedAt      time.Time `json:"tried_at"`
}

type saidView struct {
	torrentRef
	Other    bt.MemberID `json:"member_id" doc:"the nodes' owner, or whom they say it of"`
	Name     string      `json:"member"`
	Said     bt.Bytes    `json:"said_bytes"`
	Admitted bt.Bytes    `json:"admitted_bytes" doc:"of the torrent, from everybody, ever"`
}

// eachOf makes views of rows; never nil.
func eachOf[T, V any](rows []T, view func(T) V) []V {
	out := make([]V, len(rows))
	for i, x := range rows {
		out[i] = view(x)
	}
	return out
}

func (s *site) newFlaggedView(e store.FlagEvidence) flaggedView {
	return flaggedView{Member: e.Member, Name: e.Name, Honesty: e.Honesty.PPM, Flags: s.flagViews(e.Flags),
		Notes: eachOf(e.Notes, func(n store.FlagNote) flagNoteView { return flagNoteView{n.Kind, n.Weight, n.Note, n.By, utc(n.AtMs)} }),
		Excess: eachOf(e.Excess, func(x store.ExcessRow) excessView {
			return excessView{refOf(x.Torrent), utc(x.DayMs), x.Claimed, x.Excess, x.Admitted}
		}),
		Silences: eachOf(e.Silences, func(x store.Silence) silenceView { return silenceView{utc(x.AtMs), x.Why, utcOrNil(x.ClearedMs)} }),
		Taken:    eachOf(e.Taken, newTakenView), Networks: eachOf(e.Networks, newNetworkView),
		Inside: eachOf(e.Inside, func(x store.InsidePay) insideView {
			return insideView{x.Payer, x.PayerName, x.Payee, x.PayeeName, x.Torrents, Utok(x.Charged), Utok(x.Paid)}
		}),
		Falls: eachOf(e.Falls, func(x store.FallRow) fallView {
			return fallView{refOf(x.Torrent), x.Fell, x.Metered, x.Corroborated, x.Beyond, x.Seen, utcOrNil(x.SeenMs)}
		}),
		Counters: eachOf(e.Counters, func(x store.CounterRow) counterView {
			return counterView{refOf(x.Torrent), tracker.ClientName(x.PeerID), x.Flags, x.Uploaded, x.Downloaded, x.Network, utc(x.LastMs)}
		}),
		Held: eachOf(e.Held, func(x store.HeldRow) heldView {
			return heldView{refOf(x.Torrent), x.Epoch, Utok(x.Amount), utc(x.AtMs)}
		}),
		Idle: eachOf(e.Idle, func(x store.SeederHint) idleView {
			return idleView{x.Node, x.Failures, x.WithheldFrom, utc(x.TriedMs)}
		}),
		AdmitsLess: eachOf(e.Less, newSaidView), ReportsToo: eachOf(e.Forged, newSaidView)}
}

func newTakenView(x store.TakenRow) takenView {
	return takenView{refOf(x.Torrent), x.Epoch, x.Bytes, Utok(x.Charged), x.Reported, x.Size,
		eachOf(x.Says, func(c store.Claimant) claimantView { return claimantView(c) })}
}

func newNetworkView(x store.SharedNetwork) networkView {
	return networkView{x.Network, x.Node, utc(x.LastMs),
		eachOf(x.Others, func(o store.NetworkMember) networkMemberView {
			return networkMemberView{o.Member, o.Name, o.Node, utc(o.LastMs)}
		})}
}

func newSaidView(x store.SaidRow) saidView {
	return saidView{refOf(x.Torrent), x.Other, x.Name, x.Said, x.Admitted}
}
