package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

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
			rows = append(rows, st.epoch.Number, l.Torrent, l.Member, l.Node, l.Gross, l.Held)
		}
		steps = append(steps, step{len(chunk), func(t *tx) error {
			return t.insertRows("INSERT INTO hosting (epoch, torrent, member, node, gross_utok, held_utok) VALUES ", 6, "", rows)
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

// readHosts reads the epoch's proven work and what covers it.
func readHosts(ctx context.Context, q querier, balance balances, r Rules, epoch int64) ([]settle.Host, map[bt.NodeID]settle.Pledge, error) {
	nodes := map[bt.NodeID]settle.Pledge{}
	type row struct {
		settle.Host
		standing  string
		suspended bool
	}
	rows, err := scan(ctx, q, func(x *sql.Rows) (h row, err error) {
		var network string
		err = x.Scan(&h.Member, &h.Node, &h.Torrent, &h.Publisher, &h.Approved, &h.Bytes, &h.ProvenSeconds, &network, &h.standing, &h.suspended)
		h.Network = parsePrefix(network)
		return h, err
	}, `SELECT c.member, c.node, c.torrent, t.uploader, t.approved_ms > 0 AND t.withdrawn_ms = 0, c.bytes, min(p.proven_ms / 1000, ?), c.network,
			coalesce(n.standing, ''), coalesce(n.suspended_ms, 0) > 0
		FROM proven p JOIN claims c ON c.id = p.claim JOIN torrents t ON t.id = c.torrent LEFT JOIN nodes n ON n.id = c.node
		WHERE p.epoch = ? ORDER BY c.id`, settle.MaxProvenSeconds, epoch)
	if err != nil {
		return nil, nil, err
	}
	var hosts []settle.Host
	scores := map[bt.NodeID]int64{}
	for _, h := range rows {
		if h.suspended {
			continue
		}
		score, known := scores[h.Node]
		if !known {
			st, err := parseStanding(r.Availability, h.standing)
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
		h.ScorePPM = score
		hosts = append(hosts, h.Host)
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
