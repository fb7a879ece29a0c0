//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// descriptors is how many the process has open.
func (p *process) descriptors(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}

var residentKiB = regexp.MustCompile(`VmRSS:\s+(\d+) kB`)

// resident is the process's memory in MiB.
func (p *process) resident(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(string(residentKiB.FindSubmatch(status)[1]))
	if err != nil {
		t.Fatal(err)
	}
	return n >> 10
}

// manyConnections is how many this process, with its other tests, and the server can have open at once: 10,000,
// or as the limit on descriptors allows.
func manyConnections(t *testing.T) int {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	return int(min(10_000, limit.Cur/3*2))
}

// TestSlowLoris: as many half-open connections as SECURITY asks for. Meanwhile people move money and clients
// announce, and everything is right; then all of them are gone, twice over, and nothing of them stays.
func TestSlowLoris(t *testing.T) {
	t.Parallel()
	s := newSite(t, killConfig)
	ann, bob := s.addMember(t, "ann", "2000", "50"), s.addMember(t, "bob", "1000", "50")
	infohash := ann.upload(t, hugeTorrent("wanted"))
	url := announceURL(t, ann.torrent(t, infohash)) + leeching(infohash, "-TR4060-", "")
	httpClient.CloseIdleConnections()
	many, idle, memory, staked := manyConnections(t), s.descriptors(t), []int{}, 0
	for round := range 3 {
		half := s.halfOpen(t, many*7/10, "GET /announce/0000000")
		if round == 0 { // a body may take longer
			half = append(half, s.halfOpen(t, many/10, "POST /api/v1/stake HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n{")...)
		} else {
			half = append(half, s.halfOpen(t, many/10, "GET /announce/k/announce?")...)
		}
		half = append(half, s.halfOpen(t, many/10, "GET /wallet HTTP/1.1\r\nHost: x\r\nX-Slow: ")...)
		half = append(half, s.halfOpen(t, many/10, "\x16\x03\x01")...)
		for i := range 20 {
			if r := announceOnce(t, from(hostAddr(131)), url); r.Failure != "" {
				t.Fatalf("an announce beside %d half-open connections: %q", len(half), r.Failure)
			}
			if status, code := stakeOne(t, bob, fmt.Sprint("slow-", round, "-", i)); status != http.StatusCreated {
				t.Fatalf("a stake beside %d half-open connections: %d %s", len(half), status, code)
			}
			staked++
		}
		if w := bob.wallet(t); w.Staked != fmt.Sprint(int64(bob.stake)+int64(staked)*1_000_000) {
			t.Errorf("%d stakes of 1 token were accepted, staked is %s", staked, w.Staked)
		}
		for _, c := range half {
			ended(t, c)
			c.Close()
		}
		httpClient.CloseIdleConnections()
		eventually(t, "their descriptors to be closed", 30*time.Second, func() bool { return s.descriptors(t) <= idle+20 })
		memory = append(memory, s.resident(t))
	}
	t.Logf("%d half-open connections at a time; memory after each round: %v MiB", many, memory)
	if most := max(memory[0], memory[1]); memory[2] > most+most/4+16 {
		t.Errorf("memory grows with each round: %v MiB", memory)
	}
	s.stop(t)
	s.verifyLedger(t)
}

// verdicts count the answers of a flood.
type verdicts struct {
	served, limited, overload, cut atomic.Int64
	made                           atomic.Int64 // stakes that were confirmed
	doubt                          atomic.Int64 // stakes whose answer was cut off
}

// judge counts an answer; a wrong one is an error.
func (v *verdicts) judge(res *http.Response, err error) error {
	if err != nil { // refused while more was on its way, or in the queue for a connection
		if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.EPIPE) {
			v.cut.Add(1)
			return nil
		}
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	waits := res.Header.Get("Retry-After") != ""
	switch {
	case res.StatusCode == http.StatusTooManyRequests && waits:
		v.limited.Add(1)
	case res.StatusCode == http.StatusServiceUnavailable && waits:
		v.overload.Add(1)
	case res.StatusCode < 400 || res.StatusCode == http.StatusUnauthorized:
		v.served.Add(1)
	default:
		return fmt.Errorf("%s, Retry-After %v: %.200s", res.Status, waits, body)
	}
	return nil
}

// TestFloodOfEverything: five times as many clients as may be connected ask for pages, move money, guess
// passwords and announce, all at once. Each gets a right answer or is told when to come back; the ledger has
// what was confirmed; afterwards everything is as before.
func TestFloodOfEverything(t *testing.T) {
	const places, clients, each = 60, 5 * 60, 12
	s := newSite(t, fmt.Sprintf("[limits]\nconnections = %d\n", places)+killConfig)
	ann := s.addMember(t, "ann", "2000", "50")
	infohash := ann.upload(t, hugeTorrent("wanted"))
	announce := announceURL(t, ann.torrent(t, infohash)) + leeching(infohash, "-TR4060-", "")
	var payers []*member
	for i := range 6 {
		payers = append(payers, s.addMember(t, fmt.Sprint("payer", i), "5000", "50"))
	}
	httpClient.CloseIdleConnections()
	idle, memory := s.descriptors(t), []int{}
	var v verdicts
	for round := range 3 {
		var wg sync.WaitGroup
		for i := range clients {
			wg.Go(func() {
				c := from(hostAddr(140 + i%5))
				for k := range each {
					if err := v.judge(s.flood(c, &v, payers[i%len(payers)], announce, i+k, fmt.Sprint("flood-", round, "-", i, "-", k))); err != nil {
						t.Errorf("client %d: %v", i, err)
						return
					}
				}
			})
		}
		wg.Wait()
		eventually(t, "the flood's descriptors to be closed", 30*time.Second, func() bool { return s.descriptors(t) <= idle+20 })
		memory = append(memory, s.resident(t))
	}
	t.Logf("%d served, %d told to slow down, %d told to come back, %d cut off; memory after each round: %v MiB",
		v.served.Load(), v.limited.Load(), v.overload.Load(), v.cut.Load(), memory)
	if v.served.Load() == 0 || v.overload.Load()+v.limited.Load() == 0 || v.made.Load() == 0 {
		t.Error("the flood was none, or nobody was served")
	}
	if most := max(memory[0], memory[1]); memory[2] > most+most/4+16 {
		t.Errorf("memory grows with each round: %v MiB", memory)
	}
	if r := announceOnce(t, from(hostAddr(131)), announce); r.Failure != "" {
		t.Errorf("an announce after the flood: %q", r.Failure)
	}
	s.stop(t)
	s.verifyLedger(t)
	made := s.number(t, "SELECT count(*) FROM transfers WHERE code = 'stake' AND ref <> 'grant' AND amount = 1000000")
	if least := v.made.Load(); made < least || made > least+v.doubt.Load() {
		t.Errorf("the ledger has %d stakes; %d were confirmed, %d answers were cut off", made, least, v.doubt.Load())
	}
}

// flood asks for one thing, over a connection of its own.
func (s *site) flood(c *http.Client, v *verdicts, payer *member, announce string, kind int, key string) (*http.Response, error) {
	post := func(path, contentType, body string) (*http.Response, error) {
		r, err := http.NewRequest(http.MethodPost, s.base+path, strings.NewReader(body))
		if err != nil {
			return nil, err
		}
		r.Header.Set("Content-Type", contentType)
		r.Header.Set("Idempotency-Key", key)
		if strings.HasPrefix(path, "/api/v1/stake") {
			r.Header.Set("Authorization", "Bearer "+payer.APIToken)
		}
		return c.Do(r)
	}
	switch kind % 6 {
	case 0, 1:
		res, err := post("/api/v1/stake", "application/json", `{"amount_utok":"1000000"}`)
		switch {
		case err != nil:
			v.doubt.Add(1)
		case res.StatusCode == http.StatusCreated:
			v.made.Add(1)
		}
		return res, err
	case 2:
		return c.Get(announce)
	case 3:
		return c.Get(s.base + "/api/v1/economy/parameters")
	case 4:
		return post("/api/v1/session", "application/json", `{"name":"`+payer.Member+`","password":"guess after guess `+key+`"}`)
	}
	return c.Get(s.base + "/")
}

// TestHeadAndBodyLimits: what is too large is refused by name, on every kind of route, and before it is read.
func TestHeadAndBodyLimits(t *testing.T) {
	t.Parallel()
	s := newSite(t, killConfig)
	ann := s.addMember(t, "ann", "10", "50")
	say := func(head string) string {
		t.Helper()
		c, err := net.Dial("tcp", s.listen)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(30 * time.Second))
		io.WriteString(c, head) //nolint:errcheck // it may be closed on us
		b, _ := io.ReadAll(c)
		return string(b)
	}
	for _, path := range []string{"/announce/k/announce?", "/", "/api/v1/wallet"} {
		head := "GET " + path + " HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("x", 9<<10) + "\r\n\r\n"
		if said := say(head); !strings.HasPrefix(said, "HTTP/1.1 431 ") {
			t.Errorf("%s with a head of 9 KiB: %.80q", path, said)
		}
	}
	big := bytes.Repeat([]byte(" "), 65<<10)
	for _, path := range []string{"/api/v1/stake", "/api/v1/session"} {
		res, body := ann.do(t, http.MethodPost, path, "application/json", append(big, []byte(`{"amount_utok":"1000000"}`)...), "Idempotency-Key", "big")
		checkProblem(t, res, body, http.StatusRequestEntityTooLarge, "larger than")
	}
	if said := say("POST /api/v1/stake HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + ann.APIToken + "\r\nIdempotency-Key: k\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n{\"amount" + strings.Repeat(" ", 70<<10)); !strings.HasPrefix(said, "HTTP/1.1 413 ") {
		t.Errorf("a body that claims 100 GB: %.80q", said)
	}
	s.stop(t)
	s.verifyLedger(t)
}
