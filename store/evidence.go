package store

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"fmt"
	"net/netip"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Split is one split of a torrent's part of an epoch's pot, or of what an earlier one left in
// suspense, with everything it was computed from: settle.Torrent, or settle.Reopen if something is
// Offered, gives the same again. Members are named by number, networks by numbers that mean nothing
// outside of the split, addresses not at all.
type Split struct {
	Settlement int64           `json:"settlement"` // the epoch at whose settlement it was made
	Downloads  []SplitDownload `json:"downloads"`
	Claims     []SplitClaim    `json:"claims"`
	Offered    []SplitDue      `json:"offered,omitempty"` // suspense of the split before
	Charged    tokens.Amount   `json:"charged_utok,omitempty"`
	Lockers    tokens.Amount   `json:"lockers_utok,omitempty"`
	Treasury   tokens.Amount   `json:"treasury_utok,omitempty"`
	Awards     []SplitAward    `json:"awards"`
	Probation  []SplitAward    `json:"probation,omitempty"` // of members whose q was too low
	Suspense   []SplitDue      `json:"suspense,omitempty"`  // what nobody may claim yet
}

// SplitDownload is what a member took of the torrent in the epoch.
type SplitDownload struct {
	Member    bt.MemberID   `json:"member"`
	Bytes     bt.Bytes      `json:"bytes"`                // paid for
	FreeBytes bt.Bytes      `json:"free_bytes,omitempty"` // that pay nobody
	Charged   tokens.Amount `json:"charged_utok"`
	FromMs    int64         `json:"from_ms"` // present
	ToMs      int64         `json:"to_ms"`
	Cluster   int           `json:"cluster,omitempty"` // who has the same number shares a network; 0: says nothing
	// Served says from which claims the bytes may have come: bit i%8 of byte i/8 belongs to the i-th
	// claim, whose member was introduced to this one and is not related to it. Absent: from all.
	Served []byte `json:"served,omitempty"`
}

// SplitClaim is what a member said it uploaded, less what it was awarded for it before.
type SplitClaim struct {
	Member     bt.MemberID   `json:"member"`
	Bytes      bt.Bytes      `json:"bytes"`
	Standing   bool          `json:"standing"` // with a standing proof of the torrent, or leeching
	HonestyPPM int64         `json:"honesty_ppm"`
	GeoPPM     int64         `json:"geo_ppm,omitempty"` // 0: no bonus
	Leeching   bool          `json:"leeching,omitempty"`
	Earned     tokens.Amount `json:"earned_utok,omitempty"` // before
	FromMs     int64         `json:"from_ms"`
	ToMs       int64         `json:"to_ms"`
	Cluster    int           `json:"cluster,omitempty"`
}

// SplitAward is what a claim was awarded.
type SplitAward struct {
	Member bt.MemberID   `json:"member"`
	Bytes  bt.Bytes      `json:"bytes"`
	Pay    tokens.Amount `json:"pay_utok"`
}

// SplitDue is what a downloader paid and nobody may claim.
type SplitDue struct {
	Member bt.MemberID   `json:"member"`
	Bytes  bt.Bytes      `json:"bytes"`
	Amount tokens.Amount `json:"amount_utok"`
}

func newSplit(settlement int64, in settle.TorrentInput, res settle.TorrentResult) Split {
	s := evidence(settlement, in)
	s.Charged, s.Lockers, s.Treasury = res.Charged, res.Lockers, res.Treasury
	s.Awards, s.Probation, s.Suspense = splitAwards(res.Awards), splitAwards(res.Probation), splitDues(res.Suspense)
	return s
}

func newReopened(settlement int64, in settle.TorrentInput, offered []settle.Suspended, res settle.ReopenResult) Split {
	s := evidence(settlement, in)
	s.Offered = splitDues(offered)
	s.Awards, s.Probation, s.Suspense = splitAwards(res.Awards), splitAwards(res.Probation), splitDues(res.Suspense)
	return s
}

func splitAwards(rows []settle.Award) []SplitAward {
	out := make([]SplitAward, len(rows))
	for i, r := range rows {
		out[i] = SplitAward(r)
	}
	return out
}

func splitDues(rows []settle.Suspended) []SplitDue {
	out := make([]SplitDue, len(rows))
	for i, r := range rows {
		out[i] = SplitDue(r)
	}
	return out
}

func payOf(awards []SplitAward) (sum tokens.Amount) {
	for _, a := range awards {
		sum += a.Pay
	}
	return sum
}

func (s Split) suspended() (sum tokens.Amount) {
	for _, d := range s.Suspense {
		sum += d.Amount
	}
	return sum
}

// evidence copies what a split is computed from.
func evidence(settlement int64, in settle.TorrentInput) Split {
	s := Split{Settlement: settlement, Downloads: make([]SplitDownload, len(in.Downloads)), Claims: make([]SplitClaim, len(in.Claims))}
	clusters := clusterNumbers{}
	for i, c := range in.Claims {
		s.Claims[i] = SplitClaim{Member: c.Member, Bytes: c.Bytes, Standing: c.Standing, HonestyPPM: c.HonestyPPM, GeoPPM: c.GeoPPM,
			Leeching: c.Leeching, Earned: c.Earned, FromMs: c.FromMs, ToMs: c.ToMs, Cluster: clusters.of(c.Network)}
	}
	for i, d := range in.Downloads {
		s.Downloads[i] = SplitDownload{Member: d.Member, Bytes: d.Bytes, FreeBytes: d.FreeBytes, Charged: d.Charged,
			FromMs: d.FromMs, ToMs: d.ToMs, Cluster: clusters.of(d.Network), Served: served(in, d.Member)}
	}
	return s
}

// clusterNumbers numbers networks from 1 in the order in which they are met.
type clusterNumbers map[netip.Prefix]int

func (c clusterNumbers) of(p netip.Prefix) int {
	p = settle.Cluster(p)
	if !p.IsValid() {
		return 0
	}
	if c[p] == 0 {
		c[p] = len(c) + 1
	}
	return c[p]
}

// served is SplitDownload.Served.
func served(in settle.TorrentInput, m bt.MemberID) []byte {
	out, all := make([]byte, (len(in.Claims)+7)/8), true
	for i, c := range in.Claims {
		if in.Introduced(m, c.Member) && !in.Related(m, c.Member) {
			out[i/8] |= 1 << (i % 8)
		} else {
			all = false
		}
	}
	if all {
		return nil
	}
	return out
}

// Input gives settle.Torrent, or settle.Reopen with Offered, what the split was computed from. The
// seed is that of the epoch, the parameters those of the split's settlement.
func (s Split) Input(epoch int64, torrent bt.TorrentID, seed [32]byte, p settle.Params) settle.TorrentInput {
	in := settle.TorrentInput{Epoch: epoch, Torrent: torrent, Seed: seed, Params: p}
	claims := make(map[bt.MemberID]int, len(s.Claims))
	for i, c := range s.Claims {
		claims[c.Member] = i
		in.Claims = append(in.Claims, settle.Claim{Member: c.Member, Bytes: c.Bytes, Standing: c.Standing, HonestyPPM: c.HonestyPPM, GeoPPM: c.GeoPPM,
			Leeching: c.Leeching, Earned: c.Earned, Presence: settle.Presence{FromMs: c.FromMs, ToMs: c.ToMs, Network: clusterNetwork(c.Cluster)}})
	}
	downloads := make(map[bt.MemberID][]byte, len(s.Downloads))
	for _, d := range s.Downloads {
		downloads[d.Member] = d.Served
		in.Downloads = append(in.Downloads, settle.Download{Member: d.Member, Bytes: d.Bytes, FreeBytes: d.FreeBytes, Charged: d.Charged,
			Presence: settle.Presence{FromMs: d.FromMs, ToMs: d.ToMs, Network: clusterNetwork(d.Cluster)}})
	}
	in.Introduced = func(a, b bt.MemberID) bool {
		served, ok := downloads[a]
		i, claims := claims[b]
		return ok && claims && (served == nil || served[i/8]>>(i%8)&1 == 1)
	}
	in.Related = func(bt.MemberID, bt.MemberID) bool { return false }
	return in
}

// clusterNetwork stands for the network of a cluster: 0 none, else a /48 of its own.
func clusterNetwork(n int) netip.Prefix {
	if n == 0 {
		return netip.Prefix{}
	}
	return netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 0x00, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}), 48)
}

// Due gives settle.Reopen what was offered.
func (s Split) Due() []settle.Suspended {
	out := make([]settle.Suspended, len(s.Offered))
	for i, d := range s.Offered {
		out[i] = settle.Suspended(d)
	}
	return out
}

// packer makes of splits what is kept of them: JSON, compressed (RFC 1951), for it repeats itself.
type packer struct {
	buf bytes.Buffer
	to  *flate.Writer
}

func (p *packer) pack(s Split) ([]byte, error) {
	if p.to == nil {
		var err error
		if p.to, err = flate.NewWriter(&p.buf, flate.BestSpeed); err != nil {
			return nil, err
		}
	}
	p.buf.Reset()
	p.to.Reset(&p.buf)
	if err := json.NewEncoder(p.to).Encode(s); err != nil {
		return nil, fmt.Errorf("keep a split: %w", err)
	}
	if err := p.to.Close(); err != nil {
		return nil, fmt.Errorf("keep a split: %w", err)
	}
	return bytes.Clone(p.buf.Bytes()), nil
}

// unpack reads what pack made.
func unpack(b []byte) (s Split, err error) {
	if err = json.NewDecoder(flate.NewReader(bytes.NewReader(b))).Decode(&s); err != nil {
		return s, fmt.Errorf("read a split: %w", err)
	}
	return s, nil
}
