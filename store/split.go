package store

import (
	"context"
	"fmt"
	"math/bits"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// splitPot splits what the epoch's downloads of each torrent were charged.
func (st *settlement) splitPot(ctx context.Context) error {
	torrents, err := collect[bt.TorrentID](ctx, st.store.r, `SELECT DISTINCT u.torrent FROM usage u WHERE u.epoch = ? AND u.charged_utok > 0
		AND NOT EXISTS (SELECT 1 FROM settlements s WHERE s.epoch = u.epoch AND s.torrent = u.torrent) ORDER BY u.torrent`, st.epoch.Number)
	if err != nil {
		return err
	}
	return st.each(ctx, torrents, st.splits)
}

// splits splits the given torrents' parts, in order.
func (st *settlement) splits(r *reader, torrents []bt.TorrentID) ([]step, error) {
	parties, err := st.readClaimants(r, st.epoch.Number, torrents[0], torrents[len(torrents)-1])
	if err != nil {
		return nil, err
	}
	steps := make([]step, len(torrents))
	for i, torrent := range torrents {
		in := splitInput(st.rules.Settle, st.epoch, torrent, parties[torrent], st.quality)
		res, err := settle.Torrent(in)
		if err != nil {
			return nil, fmt.Errorf("torrent %d: %w", torrent, err)
		}
		p, err := st.payment(in, newSplit(st.epoch.Number, in, res))
		if err != nil {
			return nil, err
		}
		steps[i] = step{p.rows(), func(t *tx) error { return st.paySplit(t, p) }}
	}
	return steps, nil
}

// payment is a split about to be paid.
type payment struct {
	epoch   int64
	torrent bt.TorrentID
	split   Split
	packed  []byte // split, as it is kept
	hot     bool   // the torrent's price was above the base price
}

func (st *settlement) payment(in settle.TorrentInput, s Split) (payment, error) {
	packed, err := st.packer.pack(s)
	return payment{in.Epoch, in.Torrent, s, packed, wanted(st.base, in.Downloads)}, err
}

// wanted says whether downloads were charged more than the base price, per GiB; none are if that is
// nothing.
func wanted(base tokens.Amount, downloads []settle.Download) bool {
	var charged, paid uint64
	for _, d := range downloads {
		charged, paid = charged+uint64(d.Charged), paid+uint64(d.Bytes)
	}
	hi, lo := bits.Mul64(charged, uint64(bt.GiB))
	baseHi, baseLo := bits.Mul64(uint64(max(0, base)), paid)
	return base > 0 && (hi > baseHi || hi == baseHi && lo > baseLo)
}

func (p payment) rows() int {
	return 4 + 3*(len(p.split.Awards)+len(p.split.Probation)) + len(p.split.Offered) + len(p.split.Suspense)
}

// paySplit posts a split and records it; a torrent that was settled already is left alone.
func (st *settlement) paySplit(t *tx, p payment) error {
	s := p.split
	fresh, err := t.try(`INSERT INTO settlements (epoch, torrent, pot_utok, upload_utok, probation_utok, lockers_utok, treasury_utok, suspended_utok, at_ms)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`, p.epoch, p.torrent, s.Charged, payOf(s.Awards), payOf(s.Probation), s.Lockers, s.Treasury, s.suspended(), t.nowMs())
	if err != nil || !fresh {
		return err
	}
	pay := t.payer(p.epoch, p.torrent, tokens.Pot(p.epoch))
	if err := st.payAwards(t, p, pay, ""); err != nil {
		return err
	}
	for _, share := range []struct {
		what   string
		to     tokens.Account
		amount tokens.Amount
		code   tokens.Code
	}{
		{"lockers", tokens.PoolLockers, s.Lockers, tokens.CodeLockers},
		{"treasury", tokens.Treasury, s.Treasury, tokens.CodeTreasury},
		{"suspense", tokens.Suspense(p.torrent), s.suspended(), tokens.CodeSuspend},
	} {
		if err := pay(share.what, share.to, share.amount, share.code); err != nil {
			return err
		}
	}
	return t.suspend(p)
}

// payer posts transfers of a settlement under settle/<epoch>/<torrent>/….
func (t *tx) payer(epoch int64, torrent bt.TorrentID, from tokens.Account) func(what string, to tokens.Account, a tokens.Amount, code tokens.Code) error {
	prefix := fmt.Sprintf("settle/%d/%d/", epoch, torrent)
	ref := fmt.Sprintf("torrent/%d epoch/%d", torrent, epoch)
	return func(what string, to tokens.Account, a tokens.Amount, code tokens.Code) error {
		if a == 0 {
			return nil
		}
		return t.post(tokens.Transfer{ID: prefix + what, Asset: tokens.Token, From: from, To: to, Amount: a, Code: code, Ref: ref})
	}
}

// payAwards pays what a split awards, or puts it into probation, and records both and the split.
func (st *settlement) payAwards(t *tx, p payment, pay func(string, tokens.Account, tokens.Amount, tokens.Code) error, prefix string) error {
	for _, a := range p.split.Awards {
		st.out.Upload += a.Pay
		if err := pay(fmt.Sprintf("%supload/%d", prefix, a.Member), tokens.Available(a.Member), a.Pay, tokens.CodeUpload); err != nil {
			return err
		}
		if err := t.addAward(p, a, a.Pay, 0); err != nil {
			return err
		}
		if err := t.addHot(st.epoch.Number, p, a); err != nil {
			return err
		}
	}
	for _, a := range p.split.Probation {
		st.out.Probation += a.Pay
		if err := pay(fmt.Sprintf("%sprobation/%d", prefix, a.Member), tokens.Probation(a.Member), a.Pay, tokens.CodeProbation); err != nil {
			return err
		}
		if err := t.addAward(p, a, 0, a.Pay); err != nil {
			return err
		}
		if err := t.addProbation(p, a); err != nil {
			return err
		}
	}
	return t.execMany("INSERT INTO splits (epoch, torrent, settlement, split) VALUES (?, ?, ?, ?)", p.epoch, p.torrent, p.split.Settlement, p.packed)
}

func (t *tx) addAward(p payment, a SplitAward, paid, held tokens.Amount) error {
	return t.execMany(`INSERT INTO awards (epoch, torrent, member, bytes, pay_utok, probation_utok) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes, pay_utok = pay_utok + excluded.pay_utok, probation_utok = probation_utok + excluded.probation_utok`,
		p.epoch, p.torrent, a.Member, a.Bytes, paid, held)
}

// suspend records what nobody may claim yet.
func (t *tx) suspend(p payment) error {
	for _, d := range p.split.Suspense {
		if err := t.execMany("INSERT INTO suspense (epoch, torrent, member, bytes, amount_utok) VALUES (?, ?, ?, ?, ?)",
			p.epoch, p.torrent, d.Member, d.Bytes, d.Amount); err != nil {
			return err
		}
	}
	return nil
}
