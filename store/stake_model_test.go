package store

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// The figures of the model, in utok.
const (
	modelGate   = 50
	modelFee    = 5
	modelPerGiB = 10
	modelTime   = 100 // ms until slashes close and stake is unbonded
)

type modelNode struct {
	id                           bt.NodeID
	collateral, retained, claims tokens.Amount // claims: what they need
}

func (n modelNode) excess() tokens.Amount { return max(0, n.collateral+n.retained-n.claims) }

type modelEntry struct {
	left tokens.Amount
	due  int64
}

type modelSlash struct {
	id    int64
	parts [4]tokens.Amount // collateral, retained, staked, unbonding
	node  int
	at    int64
	open  bool
}

// stakeModel is one member's part of the economy, written down as plainly as can be.
type stakeModel struct {
	available, staked, gone, came tokens.Amount // gone: fees, charges, closed slashes
	nodes                         [2]modelNode
	entries                       []modelEntry
	slashes                       []modelSlash
	gate                          tokens.Amount
	joinings                      int
}

func (m *stakeModel) stake() tokens.Amount {
	return m.staked + m.nodes[0].collateral + m.nodes[1].collateral
}

func (m *stakeModel) unbonding() (sum tokens.Amount) {
	for _, e := range m.entries {
		sum += e.left
	}
	return sum
}

func (m *stakeModel) disputed() (sum tokens.Amount) {
	for _, s := range m.slashes {
		if s.open {
			sum += s.parts[0] + s.parts[1] + s.parts[2] + s.parts[3]
		}
	}
	return sum
}

// sum is everything that the member ever got.
func (m *stakeModel) sum() tokens.Amount {
	return m.available + m.stake() + m.nodes[0].retained + m.nodes[1].retained + m.unbonding() + m.disputed() + m.gone
}

func (m *stakeModel) doStake(a tokens.Amount) bool {
	fee := tokens.Amount(0)
	if m.gate == 0 && m.stake()+a >= modelGate {
		fee = modelFee
	}
	if m.available < a+fee {
		return false
	}
	if fee > 0 {
		m.gate, m.joinings = modelGate, m.joinings+1
	}
	m.available, m.staked, m.gone = m.available-a-fee, m.staked+a, m.gone+fee
	return true
}

func (m *stakeModel) doUnstake(a tokens.Amount, now int64) (left, ok bool) {
	if m.staked < a {
		return false, false
	}
	m.staked -= a
	m.entries = append(m.entries, modelEntry{a, now + modelTime})
	if left = m.gate > 0 && m.stake() < m.gate; left {
		m.gate = 0
	}
	return left, true
}

func (m *stakeModel) doMature(now int64) {
	var rest []modelEntry
	for _, e := range m.entries {
		if e.due <= now {
			m.available += e.left
		} else {
			rest = append(rest, e)
		}
	}
	m.entries = rest
}

func (m *stakeModel) doSlash(k int, a tokens.Amount, now int64) modelSlash {
	n, s := &m.nodes[k], modelSlash{node: k, at: now, open: true}
	take := func(part int, from *tokens.Amount) {
		x := min(a, *from)
		s.parts[part], a, *from = s.parts[part]+x, a-x, *from-x
	}
	take(0, &n.collateral)
	take(1, &n.retained)
	take(2, &m.staked)
	slices.SortStableFunc(m.entries, func(a, b modelEntry) int { return cmp.Compare(a.due, b.due) })
	for i := range m.entries {
		take(3, &m.entries[i].left)
	}
	return s
}

func (m *stakeModel) doReturn(s *modelSlash) {
	n := &m.nodes[s.node]
	n.collateral, n.retained, m.staked = n.collateral+s.parts[0], n.retained+s.parts[1], m.staked+s.parts[2]
	if s.parts[3] > 0 {
		m.entries = append(m.entries, modelEntry{s.parts[3], s.at + modelTime})
	}
	s.open = false
}

// TestStakeAgreesWithTheModel runs random sequences of everything that moves a stake. After each
// step the balances, the gate, the entries and the answers are those of the model, and nothing came
// from nowhere. SWARMSTAKE_TEST_CASES multiplies the cases.
func TestStakeAgreesWithTheModel(t *testing.T) {
	eco := DefaultEconomy()
	eco.Gate, eco.JoinFee, eco.CollateralPerGiB = modelGate, modelFee, modelPerGiB
	eco.UnbondingTime, eco.AppealWindow = modelTime*time.Millisecond, modelTime*time.Millisecond
	dir, now := t.TempDir(), int64(1e12)
	told := map[bt.MemberID]Funds{}
	s := open(t, dir, Options{Economy: eco, Now: func() time.Time { return time.UnixMilli(now) }, OnFunds: func(funds []Funds) {
		for _, f := range funds {
			told[f.Member] = f
		}
	}})
	addMember(t, s, 1, 0, 0)
	torrent, err := s.AddTorrent(t.Context(), NewTorrent{InfoHash: bt.InfoHash{1}, Name: "t", Size: gib, PieceBytes: 1 << 20, Files: 1, Metainfo: []byte{0}, Uploader: 1})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{} // what happened, so that the test cannot become empty
	cases, _ := strconv.Atoi(os.Getenv("SWARMSTAKE_TEST_CASES"))
	for range 2 * max(1, cases) { // of 100 cases each
		rapid.Check(t, func(rt *rapid.T) {
			c := &stakeCase{T: rt, s: s, test: t, now: &now, torrent: torrent, told: told, seen: seen}
			c.begin()
			for range rapid.IntRange(10, 40).Draw(rt, "steps") {
				c.step()
				c.compare()
			}
		})
	}
	for _, what := range []string{"joined", "joined again", "left", "restored", "refused", "matured", "slashed unbonding", "returned to unbonding", "closed", "released"} {
		if seen[what] == 0 {
			t.Errorf("in no case anything was %s: %v", what, seen)
		}
	}
	verified(t, s, dir)
}

// stakeCase is a new member with two nodes in the common store.
type stakeCase struct {
	*rapid.T
	s       *Store
	test    *testing.T
	now     *int64
	torrent bt.TorrentID
	told    map[bt.MemberID]Funds // that the tracker was told last
	seen    map[string]int
	m       bt.MemberID
	model   stakeModel
	n       int // of the step, for ids
}

func (c *stakeCase) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

func (c *stakeCase) begin() {
	ctx := c.test.Context()
	c.seen["case"]++
	got, err := c.s.AddMember(ctx, Grant{NewMember: NewMember{Name: fmt.Sprintf("m%d", c.seen["case"])}, Tokens: 200})
	c.must(err)
	c.m, c.model.available, c.model.came = got.Member.ID, 200, 200
	for i := range c.model.nodes {
		c.must(c.s.write(ctx, func(t *tx) error {
			id, err := t.insert("INSERT INTO nodes (member, name, public_key, created_ms) VALUES (?, 'n', randomblob(32), 0)", c.m)
			c.model.nodes[i].id = bt.NodeID(id)
			return err
		}))
		c.claim(i, 0)
	}
}

func (c *stakeCase) claim(k, gibs int) {
	_, err := c.s.PutClaims(c.test.Context(), availability.DefaultParams(), []ClaimReport{{Torrent: c.torrent, Member: c.m, Node: c.model.nodes[k].id,
		Addr: netip.MustParseAddrPort("127.0.0.1:1"), Bytes: bt.Bytes(gibs) * gib}})
	c.must(err)
	c.model.nodes[k].claims = tokens.Amount(gibs) * modelPerGiB
}

// expect compares whether the store and the model allowed a step.
func (c *stakeCase) expect(what string, err error, ok bool) {
	c.Helper()
	if ok != (err == nil) || !ok && !errors.Is(err, tokens.ErrFunds) {
		c.Fatalf("%s: the store says %v, the model %v", what, err, ok)
	}
	if !ok {
		c.seen["refused"]++
	}
}

func (c *stakeCase) post(id string, from, to tokens.Account, a tokens.Amount, code tokens.Code) {
	if a > 0 {
		c.must(c.s.Post(c.test.Context(), tokens.Transfer{ID: fmt.Sprintf("%s/%d/%d", id, c.m, c.n), Asset: tokens.Token, From: from, To: to, Amount: a, Code: code}))
	}
}

func (c *stakeCase) step() {
	ctx, m := c.test.Context(), &c.model
	c.n++
	o := Once{Member: c.m, Key: fmt.Sprint(c.n)}
	a := tokens.Amount(rapid.SampledFrom([]int{1, 3, 10, 20, 50, 60, 90}).Draw(c.T, "amount"))
	k := rapid.IntRange(0, 1).Draw(c.T, "node")
	node := &m.nodes[k]
	switch what := rapid.SampledFrom([]string{"stake", "stake", "stake", "unstake", "unstake", "pledge", "unpledge", "pass", "pass", "claim", "earn", "release",
		"charge", "slash", "slash", "return", "return", "close"}).Draw(c.T, "step"); what {
	case "stake":
		below, joinings := m.gate > 0 && m.stake() < m.gate, m.joinings
		_, err := c.s.Stake(ctx, o, a)
		c.expect(what, err, m.doStake(a))
		c.count("joined", m.joinings > joinings)
		c.count("joined again", m.joinings > joinings && joinings > 0)
		c.count("restored", below && m.stake() >= m.gate)
	case "unstake":
		out, err := c.s.Unstake(ctx, o, a)
		left, ok := m.doUnstake(a, *c.now)
		c.expect(what, err, ok)
		if out.Left != left {
			c.Fatalf("the store says that the member left: %v", out.Left)
		}
		c.count("left", left)
	case "pledge":
		_, err := c.s.Pledge(ctx, o, node.id, a)
		ok := m.staked >= a
		if ok {
			m.staked, node.collateral = m.staked-a, node.collateral+a
		}
		c.expect(what, err, ok)
	case "unpledge":
		_, err := c.s.Unpledge(ctx, o, node.id, a)
		ok := node.collateral >= a && node.excess() >= a
		if ok {
			m.staked, node.collateral = m.staked+a, node.collateral-a
		}
		c.expect(what, err, ok)
	case "pass":
		*c.now += int64(rapid.SampledFrom([]int{1, 30, 60, modelTime}).Draw(c.T, "ms"))
		had := m.available
		c.must(c.s.Mature(ctx))
		m.doMature(*c.now)
		c.count("matured", m.available > had)
	case "claim":
		c.claim(k, rapid.IntRange(0, 9).Draw(c.T, "GiB"))
	case "earn":
		c.post("earn", tokens.Issuance, tokens.Retained(node.id), a, tokens.CodeRetain)
		node.retained, m.came = node.retained+a, m.came+a
	case "release":
		c.must(c.s.write(ctx, func(t *tx) error { return t.releaseRetained(int64(c.seen["case"]*1000+c.n), modelPerGiB) }))
		for i := range m.nodes {
			if x := min(m.nodes[i].retained, m.nodes[i].excess()); x > 0 {
				m.nodes[i].retained -= x
				m.entries = append(m.entries, modelEntry{x, *c.now + modelTime})
				c.count("released", true)
			}
		}
	case "charge": // as a flush does: what available lacks is taken from the stake
		x, y := min(a, m.available), min(max(0, a-m.available), m.staked)
		c.post("charge", tokens.Available(c.m), tokens.Pot(1), x, tokens.CodeCharge)
		c.post("charge/stake", tokens.Staked(c.m), tokens.Pot(1), y, tokens.CodeCharge)
		m.available, m.staked, m.gone = m.available-x, m.staked-y, m.gone+x+y
	case "slash":
		c.slash(k, a)
	case "return":
		c.giveBack()
	case "close":
		c.must(c.s.CloseSlashes(ctx))
		for i := range m.slashes {
			if s := &m.slashes[i]; s.open && *c.now >= s.at+modelTime {
				s.open = false
				m.gone += s.parts[0] + s.parts[1] + s.parts[2] + s.parts[3]
				c.count("closed", true)
			}
		}
	}
}

func (c *stakeCase) count(what string, happened bool) {
	if happened {
		c.seen[what]++
	}
}

func (c *stakeCase) slash(k int, a tokens.Amount) {
	node := c.model.nodes[k]
	reach := node.collateral + node.retained + c.model.staked + c.model.unbonding()
	var id int64
	var taken tokens.Amount
	c.must(c.s.write(c.test.Context(), func(t *tx) error {
		claim, err := t.claim("node = ?", node.id)
		if err != nil {
			return err
		}
		audit, err := t.saveAudit(judgement(claim.ID, availability.DrawnKind, availability.Missing), availability.Missing, 0)
		if err != nil {
			return err
		}
		if taken, err = t.slash(claim.Claim, audit, a); err != nil {
			return err
		}
		return t.row("SELECT max(id) FROM slashes").Scan(&id)
	}))
	s := c.model.doSlash(k, a, *c.now)
	s.id = id
	c.model.slashes = append(c.model.slashes, s)
	c.count("slashed unbonding", s.parts[3] > 0)
	if taken != min(a, reach) {
		c.Fatalf("a slash of %d took %d of the %d that it reaches", a, taken, reach)
	}
}

// giveBack appeals against the last slash.
func (c *stakeCase) giveBack() {
	if len(c.model.slashes) == 0 {
		return
	}
	s := &c.model.slashes[len(c.model.slashes)-1]
	sum := s.parts[0] + s.parts[1] + s.parts[2] + s.parts[3]
	inTime := s.open && *c.now < s.at+modelTime
	returned := !s.open && *c.now < s.at+modelTime // it cannot have been closed yet
	got, err := c.s.ReturnSlash(c.test.Context(), 0, s.id, "model")
	switch {
	case inTime || returned:
		c.must(err)
		if got != sum {
			c.Fatalf("returned %d, want %d", got, sum)
		}
	case err != nil && !errors.Is(err, ErrAppeal):
		c.Fatal(err)
	}
	if inTime {
		c.count("returned to unbonding", s.parts[3] > 0)
		c.model.doReturn(s)
	}
}

// compare holds the store against the model.
func (c *stakeCase) compare() {
	c.Helper()
	ctx, m := c.test.Context(), &c.model
	if m.sum() != m.came {
		c.Fatalf("the model lost something: %d of %d", m.sum(), m.came)
	}
	w, err := c.s.Wallet(ctx, c.m)
	c.must(err)
	want := Wallet{Available: m.available, Staked: m.stake(), Free: m.staked, Unbonding: m.unbonding(),
		Held: m.nodes[0].retained + m.nodes[1].retained + m.disputed(), GatePrice: m.gate, Tier: "host"}
	if w != want {
		c.Fatalf("the store has %+v\nthe model   %+v", w, want)
	}
	if f := c.told[c.m]; f.Available != int64(m.available) || f.Staked != int64(m.stake()) || f.GateOK != (m.gate > 0 && m.stake() >= m.gate) {
		c.Fatalf("the tracker was told %+v, the model is %+v", f, *m)
	}
	for _, n := range m.nodes {
		got, err := c.s.Balance(ctx, tokens.Token, tokens.Collateral(n.id))
		if err != nil || got != n.collateral {
			c.Fatalf("node %d holds %d, %v, want %d", n.id, got, err, n.collateral)
		}
	}
	list, err := c.s.Unbondings(ctx, c.m, 1000)
	c.must(err)
	var have, model []modelEntry
	for _, e := range list {
		if e.Left > 0 {
			have = append(have, modelEntry{e.Left, e.DueMs})
		}
	}
	for _, e := range m.entries {
		if e.left > 0 {
			model = append(model, e)
		}
	}
	order := func(a, b modelEntry) int { return cmp.Or(cmp.Compare(a.due, b.due), cmp.Compare(a.left, b.left)) }
	slices.SortFunc(have, order)
	slices.SortFunc(model, order)
	if !slices.Equal(have, model) {
		c.Fatalf("the store has the entries %v, the model %v", have, model)
	}
	var joinings int
	c.must(c.s.r.QueryRow("SELECT joinings FROM members WHERE id = ?", c.m).Scan(&joinings))
	if joinings != m.joinings {
		c.Fatalf("joined %d times, want %d", joinings, m.joinings)
	}
}
