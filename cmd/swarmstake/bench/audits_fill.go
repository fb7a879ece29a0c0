package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const writersAtOnce = 64 // reports that share a commit

// fill makes members, torrents, a node for each member, and the nodes' first reports.
func (r *auditRun) fill(ctx context.Context) error {
	f := filler{population: population{members: r.nodes, torrents: r.torrents, count: r.nodes * r.claims, seed: r.seed},
		conf: r.conf, bars: r.bars, store: r.store}
	if err := f.rows(ctx); err != nil {
		return err
	}
	torrents, err := r.torrentIDs(ctx, f.hashes)
	if err != nil {
		return err
	}
	of := make([][]bt.TorrentID, r.nodes)
	s := spread{members: uint64(r.nodes), torrents: uint64(r.torrents), count: uint64(f.count), seed: r.seed}
	for k := range s.count {
		m, t := s.pair(k)
		of[m] = append(of[m], torrents[t])
	}
	return r.reports(ctx, f.ids, of)
}

// torrentIDs are the numbers of torrents, in the order of their hashes.
func (r *auditRun) torrentIDs(ctx context.Context, hashes []bt.InfoHash) ([]bt.TorrentID, error) {
	roster, err := r.store.RosterTorrents(ctx)
	if err != nil {
		return nil, err
	}
	by := make(map[bt.InfoHash]bt.TorrentID, len(roster))
	for _, t := range roster {
		by[t.InfoHash] = t.ID
	}
	ids := make([]bt.TorrentID, len(hashes))
	for i, h := range hashes {
		ids[i] = by[h]
	}
	return ids, nil
}

// reports pairs a node with every member and takes its first report, some at a time.
func (r *auditRun) reports(ctx context.Context, members []bt.MemberID, of [][]bt.TorrentID) error {
	add := r.bars.step("reports", len(members))
	var wg sync.WaitGroup
	errs := make([]error, writersAtOnce)
	for w := range writersAtOnce {
		wg.Go(func() {
			for i := w; i < len(members) && errs[w] == nil && ctx.Err() == nil; i += writersAtOnce {
				errs[w] = r.report(ctx, members[i], of[i])
				add(1)
			}
		})
	}
	wg.Wait()
	return errors.Join(append(errs, ctx.Err())...)
}

func (r *auditRun) report(ctx context.Context, m bt.MemberID, torrents []bt.TorrentID) error {
	code := fmt.Sprintf("bench-%d", m)
	if _, err := r.store.AddPairingCode(ctx, code, m, time.Hour); err != nil {
		return err
	}
	key := store.NodeKey{Name: code}
	binary.BigEndian.PutUint64(key.PublicKey[:], uint64(m))
	n, err := r.store.PairNode(ctx, code, key)
	if err != nil {
		return err
	}
	report := store.NodeReport{}
	for _, t := range torrents {
		report.Claims = append(report.Claims, store.ClaimReport{Torrent: t, Member: m, Node: n.ID, Addr: nodeAddr(n.ID), Network: bt.Network(nodeAddr(n.ID).Addr()),
			Bytes: torrentSize, PieceLength: torrentPiece, Pieces: int(torrentSize / torrentPiece)})
	}
	_, err = r.store.Report(ctx, r.conf.Availability, n.ID, report)
	return err
}

func nodeAddr(n bt.NodeID) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{byte(20 + n>>16), byte(n >> 8), byte(n), 1}), 6881)
}
