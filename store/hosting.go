package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// decideHosting computes what hosting earned in the epoch, from what the hosting pool had when it was
// filled, and records it. Until all of it is recorded nothing is paid, and an interrupted run begins
// anew: scores and collateral may have changed meanwhile.
func (st *settlement) decideHosting(ctx context.Context) error {
	in := settle.HostingInput{Epoch: st.epoch.Number, Params: st.rules.Settle, Rate: st.rate}
	var decided bool
	err := st.store.read(ctx, func(r *reader) (err error) {
		err = r.QueryRowContext(ctx, "SELECT hosting_pool_utok, hosting_utok IS NOT NULL FROM epoch_sums WHERE epoch = ?", st.epoch.Number).Scan(&in.Pool, &decided)
		if err != nil || decided {
			return notFound(err)
		}
		in.Hosts, in.Nodes, err = readHosts(ctx, r.Tx, r.balance, st.rules, st.epoch.Number)
		return err
	})
	if err != nil || decided {
		return err
	}
	lines, err := settle.Hosting(in)
	if err != nil {
		return err
	}
	var sum tokens.Amount
	steps := []step{{1, func(t *tx) error { return t.exec("DELETE FROM hosting WHERE epoch = ?", st.epoch.Number) }}}
	for chunk := range slices.Chunk(lines, rowsAtOnce) {
		var rows []any
		for _, l := range chunk {
			sum += l.Gross
			rows = append(rows, st.epoch.Number, l.Torrent, l.Member, l.Node, l.Gross, l.Held, l.GeoPPM)
		}
		steps = append(steps, step{len(chunk), func(t *tx) error {
			return t.insertRows("INSERT INTO hosting (epoch, torrent, member, node, gross_utok, held_utok, geo_ppm) VALUES ", 7, "", rows)
		}})
	}
	return st.write(ctx, append(steps, step{1, func(t *tx) error {
		return t.change("UPDATE epoch_sums SET hosting_utok = ? WHERE epoch = ?", sum, st.epoch.Number)
	}}))
}

// payHosting pays each node (and each member's standard clients) what was decided, in at most two
// transfers.
func (st *settlement) payHosting(ctx context.Context) error {
	type pay struct {
		member      bt.MemberID
		node        bt.NodeID
		gross, held tokens.Amount
	}
	pays, err := scan(ctx, st.store.r, func(r *sql.Rows) (p pay, err error) { return p, r.Scan(&p.member, &p.node, &p.gross, &p.held) },
		"SELECT member, node, sum(gross_utok), sum(held_utok) FROM hosting WHERE epoch = ? GROUP BY member, node ORDER BY member, node", st.epoch.Number)
	if err != nil {
		return err
	}
	steps := make([]step, len(pays))
	for i, p := range pays {
		st.out.Hosting += p.gross
		steps[i] = step{2, func(t *tx) error { return t.payHost(st.epoch.Number, p.member, p.node, p.gross-p.held, p.held) }}
	}
	return st.write(ctx, steps)
}

func (t *tx) payHost(epoch int64, m bt.MemberID, n bt.NodeID, net, held tokens.Amount) error {
	for _, p := range []struct {
		to     tokens.Account
		amount tokens.Amount
		code   tokens.Code
	}{{tokens.Available(m), net, tokens.CodeHosting}, {tokens.Retained(n), held, tokens.CodeRetain}} {
		if p.amount == 0 {
			continue
		}
		if err := t.post(tokens.Transfer{ID: fmt.Sprintf("%s/%d/%d/%d", p.code, epoch, m, n), Asset: tokens.Token, From: tokens.PoolHosting, To: p.to,
			Amount: p.amount, Code: p.code, Ref: fmt.Sprintf("node/%d epoch/%d", n, epoch)}); err != nil {
			return err
		}
	}
	return nil
}

type balances func(tokens.Asset, tokens.Account) (tokens.Amount, error)

// proof is a claim that stands in an epoch, as the hosting reward sees it.
type proof struct {
	settle.Host
	place    availability.Place
	forfeit  bool   // its node was away without a word: the epoch earns it nothing (ECONOMY §7)
	standing string // of its node
}

// readHosts reads the epoch's proven work and what covers it. What is forfeited earns nothing, from the
// pool or from sponsors; but the torrent was there, and the distance of others is measured from it too.
func readHosts(ctx context.Context, q querier, balance balances, r Rules, epoch int64) ([]settle.Host, map[bt.NodeID]settle.Pledge, error) {
	proofs, err := scan(ctx, q, readProof, `SELECT c.member, c.node, c.torrent, t.uploader, t.approved_ms > 0 AND t.withdrawn_ms = 0, c.bytes,
			min(p.proven_ms / 1000, ?), c.network, c.lat_udeg, c.lon_udeg, EXISTS (SELECT 1 FROM forfeits f WHERE f.epoch = p.epoch AND f.node = c.node),
			coalesce(n.standing, '')
		FROM proven p JOIN claims c ON c.id = p.claim JOIN torrents t ON t.id = c.torrent LEFT JOIN nodes n ON n.id = c.node
		WHERE p.epoch = ? AND `+stands+" ORDER BY c.id", settle.MaxProvenSeconds, epoch)
	if err != nil {
		return nil, nil, err
	}
	places := make([]located, len(proofs))
	for i, h := range proofs {
		places[i] = located{h.Torrent, availability.GeoHost{Member: h.Member, Place: h.place}}
	}
	for i, factor := range distances(r.Availability, places) {
		proofs[i].GeoPPM = factor
	}
	proofs = slices.DeleteFunc(proofs, func(h proof) bool { return h.forfeit })
	return covered(proofs, balance, r.Availability)
}

func readProof(r *sql.Rows) (h proof, err error) {
	var network string
	var lat, lon sql.NullInt32
	err = r.Scan(&h.Member, &h.Node, &h.Torrent, &h.Publisher, &h.Approved, &h.Bytes, &h.ProvenSeconds, &network, &lat, &lon, &h.forfeit, &h.standing)
	h.Network, h.place = parsePrefix(network), placeOf(lat, lon)
	return h, err
}

// covered adds each node's audit score, and what stands behind it.
func covered(proofs []proof, balance balances, p availability.Params) ([]settle.Host, map[bt.NodeID]settle.Pledge, error) {
	hosts, nodes := make([]settle.Host, len(proofs)), map[bt.NodeID]settle.Pledge{}
	scores := map[bt.NodeID]int64{}
	for i, h := range proofs {
		score, known := scores[h.Node]
		if !known {
			st, err := parseStanding(p, h.standing)
			if err != nil {
				return nil, nil, err
			}
			score = st.Audit.PPM()
			scores[h.Node] = score
			if h.Node != 0 {
				if nodes[h.Node], err = pledgeOf(balance, h.Node); err != nil {
					return nil, nil, err
				}
			}
		}
		hosts[i] = h.Host
		hosts[i].ScorePPM = score
	}
	return hosts, nodes, nil
}

// pledgeOf is what stands behind a node's claims.
func pledgeOf(balance balances, n bt.NodeID) (p settle.Pledge, err error) {
	if p.Collateral, err = balance(tokens.Token, tokens.Collateral(n)); err != nil {
		return p, err
	}
	p.Retained, err = balance(tokens.Token, tokens.Retained(n))
	return p, err
}
