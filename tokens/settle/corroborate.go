package settle

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Fall is one download whose left has fallen: what it is suspected of, and what the prober saw.
// All but the presence counts from the beginning of the download's present pass.
type Fall struct {
	Member       bt.MemberID
	Had          bt.Bytes // when the pass began: the torrent's size less the highest left
	Fell         bt.Bytes // highest less lowest left
	Metered      bt.Bytes // Σd: what the client admits
	Corroborated bt.Bytes // billed beyond that at earlier settlements
	Viewed       bt.Bytes // what the prober last saw it have; 0: it was not seen
	Presence              // in the epoch
}

// CorroborateInput is all that the corroboration of one torrent and epoch depends on. Downloads of
// the TorrentInput are all that were admitted in the epoch, whether or not anything was charged for
// them; Claims are as before the epoch's split.
type CorroborateInput struct {
	TorrentInput
	Size      bt.Bytes // of the torrent
	Tolerance bt.Bytes // a fall of at most that beyond what was admitted says nothing
	Falls     []Fall   // each member once
}

// Corroborated is what one download is billed beyond what its client admitted, and why: the
// smallest of the three pieces of evidence.
type Corroborated struct {
	Member bt.MemberID
	Bytes  bt.Bytes

	Fell    bt.Bytes // left fell by so much more than was admitted, corroborated and tolerated
	Seen    bt.Bytes // the peer had so much more
	Claimed bt.Bytes // its share of the upload claims that no download admits
}

// Corroborate returns what the epoch's downloads are billed beyond what their clients admitted
// (ECONOMY §3), in the order of members, those of nothing left out. It is billed at the epoch's
// quote into the epoch's pot, before the split, and counts as admitted from then on: called again
// with it, what both calls return together keeps the same bounds.
//
// Claims that no download admits are those of proven claimants whose honesty is HonestPPM at least,
// beyond all that was admitted. Which
// claims these are is found as the split finds whom to pay: admitted bytes go to those who may have
// sent them, the rest of each claim is open. Each open claim is shared in proportion to the falls
// among the downloads that its claimant may have sent to. Admitted bytes may have come from peers
// that are not proven, and are held against the claims of those who are all the same: where leechers
// serve each other much, less is corroborated than was taken, never more.
func Corroborate(in CorroborateInput) ([]Corroborated, error) {
	falls, err := in.falls()
	if err != nil || !slices.ContainsFunc(falls, func(f fallen) bool { return f.Fell > 0 && f.Seen > 0 }) {
		return nil, err
	}
	if in.TorrentInput, err = in.checked(); err != nil {
		return nil, err
	}
	for j, c := range in.Claims {
		in.Claims[j].Standing = c.Standing && c.HonestyPPM >= in.Params.HonestPPM
		in.Claims[j].Leeching = false // what a claim may earn says nothing about what it proves
		in.Claims[j].Bytes = min(c.Bytes, maxTotal/bt.Bytes(len(in.Claims)))
	}
	open, err := in.open()
	if err != nil {
		return nil, err
	}
	for j, bytes := range open {
		in.blame(falls, in.Claims[j], bytes)
	}
	var out []Corroborated
	for _, f := range falls {
		if f.Bytes = min(f.Fell, f.Seen, f.Claimed); f.Bytes > 0 {
			out = append(out, f.Corroborated)
		}
	}
	return out, nil
}

// fallen is a fall being weighed.
type fallen struct {
	Corroborated
	download Download
}

// falls checks the falls and returns, by member, what of them needs an explanation.
func (in CorroborateInput) falls() ([]fallen, error) {
	if in.Size < 0 || in.Size > maxBytes || in.Tolerance < 0 {
		return nil, fmt.Errorf("%w: a torrent of %d bytes, tolerance %d", ErrInput, in.Size, in.Tolerance)
	}
	out := make([]fallen, len(in.Falls))
	for i, f := range in.Falls {
		for _, b := range []bt.Bytes{f.Had, f.Fell, f.Metered, f.Corroborated, f.Viewed} {
			// What is metered may be anything up to 2^61 (package swarm).
			if b < 0 || b > 2*maxBytes || f.FromMs > f.ToMs {
				return nil, fmt.Errorf("%w: fall of member %d: %+v", ErrInput, f.Member, f)
			}
		}
		known := min(f.Metered, maxBytes) + min(f.Corroborated, maxBytes)
		out[i].Member = f.Member
		out[i].Fell = max(0, min(f.Fell, in.Size)-known-min(in.Tolerance, maxBytes))
		// Pad files are in the pieces that a peer has, and not in the size (BEP 47).
		out[i].Seen = max(0, min(f.Viewed, in.Size)-f.Had-known)
		out[i].download = Download{Member: f.Member, Presence: f.Presence}
		out[i].download.Network = network(f.Network)
	}
	slices.SortFunc(out, func(a, b fallen) int { return cmp.Compare(a.Member, b.Member) })
	for i := range out {
		if i > 0 && out[i-1].Member == out[i].Member {
			return nil, fmt.Errorf("%w: two falls of member %d", ErrInput, out[i].Member)
		}
	}
	return out, nil
}

// open returns, for each claim, how much of it no download admits. Together that is the claims of
// proven claimants less everything admitted.
func (in CorroborateInput) open() ([]tokens.Amount, error) {
	var claims, admitted []bt.Bytes
	var rows []Suspended
	for _, c := range in.Claims {
		if c.Standing {
			claims = append(claims, c.Bytes)
		}
	}
	for _, d := range in.Downloads {
		admitted = append(admitted, d.Bytes)
		rows = append(rows, Suspended{Member: d.Member, Bytes: d.Bytes})
	}
	claimed, err := total("claim", claims)
	if err != nil {
		return nil, err
	}
	known, err := total("admitted bytes", bounded(admitted, maxTotal))
	if err != nil || claimed <= known {
		return nil, err
	}
	in.share(rows) // takes from the claims, which are checked's copy
	rest := make([]bt.Bytes, len(in.Claims))
	for j, c := range in.Claims {
		if c.Standing {
			rest[j] = c.Bytes
		}
	}
	return split(tokens.Amount(claimed-known), rest), nil
}

// blame shares the open part of one claim among the falls that its claimant may have sent to, in
// proportion to them.
func (in CorroborateInput) blame(falls []fallen, c Claim, open tokens.Amount) {
	if open == 0 {
		return
	}
	weights, most := make([]bt.Bytes, len(falls)), make([]bt.Bytes, len(falls))
	for i, f := range falls {
		if in.eligible(f.download, c) {
			most[i] = in.linkBytes(f.download.Presence, c.Presence)
		}
		if most[i] > 0 {
			weights[i] = f.Fell
		}
	}
	for i, part := range split(open, weights) {
		falls[i].Claimed += min(bt.Bytes(part), most[i])
	}
}
