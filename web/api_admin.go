package web

import (
	"net/http"
	"strings"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/rail"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// adminRows is how much operators' lists show.
const adminRows = 200

// voucherView is a batch of vouchers and what became of them.
type voucherView struct {
	Batch     int64      `json:"batch"`
	Label     string     `json:"label"`
	Amount    Utok       `json:"amount_quote"`
	Count     int        `json:"count"`
	Used      int        `json:"used"`
	Revoked   int        `json:"revoked"`
	ExpiresAt *time.Time `json:"expires_at"`
	CreatedAt time.Time  `json:"created_at"`
	CreatedBy string     `json:"created_by"`
}

// vouchersView is the batches, newest first.
type vouchersView struct {
	Batches []voucherView `json:"batches"`
	Next    string        `json:"next" doc:"cursor of the next page; empty: this was the last"`
}

func (s *site) apiVouchers(w http.ResponseWriter, r *http.Request) error {
	before, limit, err := placeIn(r)
	if err != nil {
		return err
	}
	list, next, err := s.Store.VoucherBatchesBefore(r.Context(), before, limit)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, vouchersView{views(list, func(b store.VoucherBatch) voucherView {
		return voucherView{b.ID, b.Label, Utok(b.Amount), b.Count, b.Used, b.Revoked, utcOrNil(b.ExpiresMs), utc(b.CreatedMs), b.CreatedBy}
	}), formatBefore(next)})
}

// vouchersBody is a batch to be made.
type vouchersBody struct {
	Label     string     `json:"label"`
	Amount    Utok       `json:"amount_quote" doc:"of each"`
	Count     int        `json:"count"`
	ExpiresAt *time.Time `json:"expires_at,omitempty" doc:"absent: never"`
}

// newVouchersView is a batch that was made.
type newVouchersView struct {
	Batch int64       `json:"batch"`
	Codes []rail.Code `json:"codes" doc:"shown once"`
}

// revokedView says how many vouchers were made worthless.
type revokedView struct {
	Batch   int64 `json:"batch,omitempty"`
	Revoked int   `json:"revoked"`
}

// codeBody is a voucher's code.
type codeBody struct {
	Code string `json:"code"`
}

func (s *site) apiAddVouchers(w http.ResponseWriter, r *http.Request) error {
	var in vouchersBody
	if _, err := readJSON(r, &in); err != nil {
		return err
	}
	n := store.NewVouchers{Label: in.Label, Amount: tokens.Amount(in.Amount), Count: in.Count}
	if in.ExpiresAt != nil {
		n.Expires = *in.ExpiresAt
	}
	batch, codes, err := s.addVouchers(r, n)
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, newVouchersView{batch, codes})
}

func (s *site) addVouchers(r *http.Request, n store.NewVouchers) (int64, []rail.Code, error) {
	m := visitorOf(r).member
	batch, codes, err := s.Store.AddVouchers(r.Context(), m.ID, n)
	if err == nil {
		s.Log.Info("vouchers made", "batch", batch, "count", n.Count, "each", n.Amount.String(), "by", m.ID)
	}
	return batch, codes, err
}

func (s *site) apiRevokeBatch(w http.ResponseWriter, r *http.Request) error {
	batch, err := numberInPath(r, "batch")
	if err != nil {
		return err
	}
	n, err := s.Store.RevokeVouchers(r.Context(), visitorOf(r).member.ID, batch)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, revokedView{batch, int(n)})
}

func (s *site) apiRevokeVoucher(w http.ResponseWriter, r *http.Request) error {
	var in codeBody
	if _, err := readJSON(r, &in); err != nil {
		return err
	}
	if err := s.Store.RevokeVoucher(r.Context(), visitorOf(r).member.ID, in.Code); err != nil {
		return err
	}
	return answer(w, http.StatusOK, revokedView{Revoked: 1})
}

// verifiedView is a member who was verified.
type verifiedView struct {
	MemberID int64 `json:"member_id"`
	Verified bool  `json:"verified"`
}

// unverifiedView is members who wait to be verified.
type unverifiedView struct {
	Members []newcomerView `json:"members"`
}

// newcomerView is one of them.
type newcomerView struct {
	MemberID  bt.MemberID `json:"member_id"`
	Member    string      `json:"member"`
	CreatedAt time.Time   `json:"created_at"`
}

// apiVerify gives a member the right to the free allowance; it arrives within seconds.
func (s *site) apiVerify(w http.ResponseWriter, r *http.Request) error {
	id, err := numberInPath(r, "id")
	if err != nil {
		return err
	}
	if err := s.verify(r, id); err != nil {
		return err
	}
	return answer(w, http.StatusOK, verifiedView{id, true})
}

func (s *site) verify(r *http.Request, id int64) error {
	if id > maxMemberID {
		return store.ErrNotFound
	}
	return s.Store.VerifyMember(r.Context(), bt.MemberID(id), visitorOf(r).member.ID)
}

const maxMemberID = 1<<32 - 1

func (s *site) apiUnverified(w http.ResponseWriter, r *http.Request) error {
	list, err := s.Store.Unverified(r.Context(), adminRows)
	if err != nil {
		return err
	}
	out := []newcomerView{}
	for _, m := range list {
		out = append(out, newcomerView{m.ID, m.Name, utc(m.CreatedMs)})
	}
	return answer(w, http.StatusOK, unverifiedView{out})
}

// slashView is a penalty; what is neither returned nor closed can be returned until due_at.
type slashView struct {
	ID         int64        `json:"id"`
	Audit      int64        `json:"audit"`
	Node       bt.NodeID    `json:"node"`
	Member     bt.MemberID  `json:"member"`
	Torrent    bt.TorrentID `json:"torrent"`
	Amount     Utok         `json:"amount_utok"`
	At         time.Time    `json:"at"`
	DueAt      time.Time    `json:"due_at"`
	ClosedAt   *time.Time   `json:"closed_at" doc:"when it went to the treasury for good"`
	ReturnedAt *time.Time   `json:"returned_at" doc:"when the member got it back"`
}

// slashesView is penalties, newest first.
type slashesView struct {
	Slashes []slashView `json:"slashes"`
	Next    string      `json:"next" doc:"cursor of the next page; empty: this was the last"`
}

// operatorReason says why an operator does something.
type operatorReason struct {
	Reason string `json:"reason"`
}

// returnedView is a penalty that was returned.
type returnedView struct {
	Slash    int64 `json:"slash"`
	Returned Utok  `json:"returned_utok"`
}

func slashViews(list []store.Slash) []slashView {
	out := []slashView{}
	for _, x := range list {
		out = append(out, slashView{x.ID, x.Audit, x.Node, x.Member, x.Torrent, Utok(x.Amount), utc(x.AtMs), utc(x.DueMs), utcOrNil(x.ClosedMs), utcOrNil(x.ReturnedMs)})
	}
	return out
}

func (s *site) apiSlashes(w http.ResponseWriter, r *http.Request) error {
	return s.answerSlashes(w, r, 0)
}

func (s *site) apiReturnSlash(w http.ResponseWriter, r *http.Request) error {
	id, err := numberInPath(r, "id")
	if err != nil {
		return err
	}
	var in operatorReason
	if _, err := readJSON(r, &in); err != nil {
		return err
	}
	back, err := s.returnSlash(r, id, in.Reason)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, returnedView{id, Utok(back)})
}

// maxReason is above what the store takes, so that it says what is too long.
const maxReason = 1000

func (s *site) returnSlash(r *http.Request, id int64, reason string) (tokens.Amount, error) {
	reason, err := cleanText([]byte(reason), "reason", maxReason)
	if err != nil {
		return 0, err
	}
	m := visitorOf(r).member
	back, err := s.Store.ReturnSlash(r.Context(), m.ID, id, strings.Join(strings.Fields(reason), " "))
	if err == nil {
		s.Log.Info("slash returned", "slash", id, "amount", back.String(), "by", m.ID)
	}
	return back, appealFault(err)
}
