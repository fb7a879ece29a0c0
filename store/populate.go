package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// StakedMember is a new account that joins at once: its stake must reach the gate.
type StakedMember struct {
	Name     string
	Secret   [32]byte
	Tokens   tokens.Amount // available after joining
	Stake    tokens.Amount
	MaxPrice tokens.Amount // utok per GiB; 0: the default rule
}

// AddStakedMembers makes accounts in bulk, all or none, in one transaction, and returns their
// numbers in order. Everything is what single members do, through the ledger: a grant pays for the
// tokens, the stake and the join fee, the stake is transferred, and joining fixes the gate price
// and takes the fee. A stake below the gate is an error, a name that exists is ErrExists. A few
// thousand members a call keep the transaction small.
func (s *Store) AddStakedMembers(ctx context.Context, members []StakedMember) ([]bt.MemberID, error) {
	ids := make([]bt.MemberID, 0, len(members))
	err := s.write(ctx, func(t *tx) error {
		for _, m := range members {
			id, err := t.addStaked(m)
			if err != nil {
				return fmt.Errorf("member %s: %w", m.Name, err)
			}
			ids = append(ids, id)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return ids, nil
}

func (t *tx) addStaked(n StakedMember) (bt.MemberID, error) {
	eco := t.economy()
	if price, err := t.passes(n.Stake); err != nil || price == 0 {
		return 0, errors.Join(err, fmt.Errorf("a stake of %s does not pass the gate of %s", n.Stake, eco.Gate))
	}
	m, err := t.addMember(NewMember{Name: n.Name, Secret: n.Secret})
	if err != nil {
		return 0, err
	}
	if n.MaxPrice > 0 {
		if err := t.change("UPDATE members SET max_price_utok_per_gib = ? WHERE id = ?", n.MaxPrice, m.ID); err != nil {
			return 0, err
		}
	}
	if err := t.grant("grant/"+n.Name+"/tokens", tokens.Available(m.ID), n.Tokens+n.Stake+eco.JoinFee); err != nil {
		return 0, err
	}
	fee, err := t.join(m.ID, n.Stake)
	if err != nil {
		return 0, err
	}
	stake := tokens.Transfer{ID: fmt.Sprintf("stake/%d/first", m.ID), Asset: tokens.Token, From: tokens.Available(m.ID),
		To: tokens.Staked(m.ID), Amount: n.Stake, Code: tokens.CodeStake, Ref: "stake"}
	for _, tr := range append([]tokens.Transfer{stake}, fee...) {
		if err := t.post(tr); err != nil {
			return 0, err
		}
	}
	return m.ID, nil
}

// AddTorrents takes torrents into the catalogue in bulk, all or none, in one transaction, and
// returns their numbers in order. Each is as AddTorrent would take it; ErrExists if one is there.
func (s *Store) AddTorrents(ctx context.Context, torrents []NewTorrent) ([]bt.TorrentID, error) {
	ids := make([]bt.TorrentID, 0, len(torrents))
	files := make([]string, len(torrents))
	for i, n := range torrents {
		files[i] = fileWords(n.Metainfo)
	}
	err := s.write(ctx, func(t *tx) error {
		for i, n := range torrents {
			id, err := t.addTorrent(n, files[i])
			if err != nil {
				return fmt.Errorf("torrent %s: %w", n.Name, err)
			}
			ids = append(ids, id)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return ids, nil
}
