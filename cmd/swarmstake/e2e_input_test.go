package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/anacrolix/torrent/bencode"

	"github.com/swarmstake/swarmstake/tracker"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// TestBadAnnounce: every refusal is HTTP 200 with a sentence that says what to do, and with the
// intervals without which some clients do not come back.
func TestBadAnnounce(t *testing.T) {
	t.Parallel()
	s := newSite(t, fmt.Sprintf(quickConfig, hostAddr(9)))
	rich, guest, broke := s.addMember(t, "rich", "1000", "50"), s.addMember(t, "guest", "1000", "49.999999"), s.addMember(t, "broke", "0", "50")
	infohash := rich.upload(t, hugeTorrent("wanted"))
	of := func(m *member) string { return announceURL(t, m.torrent(t, infohash)) }
	var secret tracker.Secret
	db := database(t, s.dir)
	var raw []byte
	if err := db.QueryRow("SELECT key_secret FROM members WHERE id = ?", rich.ID).Scan(&raw); err != nil {
		t.Fatal(err)
	}
	copy(secret[:], raw)
	db.Close()
	var nowhere bt.InfoHash
	nowhere[3] = 7
	keyOfUnknown := tracker.KeyFor(secret, rich.ID, nowhere)
	good := fmt.Sprintf("info_hash=%s&peer_id=-TR4060-abcdefghijkl&port=6881&uploaded=0&downloaded=0&left=%d", escapedHash(infohash), int64(simSize))
	swap := func(old, with string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("%q is not in the good announce", old)
		}
		return strings.Replace(good, old, with, 1)
	}
	wrong := s.base + "/announce/" + fmt.Sprintf("%08x", uint32(rich.ID)) + strings.Repeat("0", 32) + "/announce"
	for _, tt := range []struct{ name, url, query, want string }{
		{"good", of(rich), good, ""},
		{"guest seeds", of(guest), swap(fmt.Sprintf("left=%d", int64(simSize)), "left=0"), ""},
		{"wrong key", wrong, good, "unknown announce key: download the .torrent again from " + s.base},
		{"no key at all", s.base + "/announce/hello/announce", good, "unknown announce key"},
		{"unknown member", s.base + "/announce/00ffffff" + strings.Repeat("a", 32) + "/announce", good, "unknown announce key"},
		{"somebody else's torrent", of(rich), swap(escapedHash(infohash), escapedHash(nowhere.String())), "unknown announce key"},
		{"unknown torrent", s.base + "/announce/" + keyOfUnknown + "/announce", swap(escapedHash(infohash), escapedHash(nowhere.String())), "not registered here: upload it at " + s.base},
		{"no info_hash", of(rich), swap("info_hash=", "x="), "info_hash"},
		{"short info_hash", of(rich), swap(escapedHash(infohash), "abc"), "info_hash"},
		{"no peer_id", of(rich), swap("peer_id=", "x="), "peer_id"},
		{"no port", of(rich), swap("port=6881&", ""), "port"},
		{"port 0", of(rich), swap("port=6881", "port=0"), "port"},
		{"port too large", of(rich), swap("port=6881", "port=65536"), "port"},
		{"signed", of(rich), swap("downloaded=0", "downloaded=-1"), "downloaded"},
		{"fraction", of(rich), swap("uploaded=0", "uploaded=1.5"), "uploaded"},
		{"no left", of(rich), fmt.Sprint(good[:strings.LastIndex(good, "&")]), "left"},
		{"above 2^53", of(rich), swap("downloaded=0", "downloaded=9007199254740993"), "downloaded"},
		{"twice", of(rich), good + "&uploaded=5", "uploaded"},
		{"nothing", of(rich), "", "info_hash"},
		{"no stake", of(guest), good, "you have no stake: stake 50 VIDYA at " + s.base + "/wallet to download; seeding needs none"},
		{"no funds", of(broke), good, "not enough funds for this download: you have 0 VIDYA free, 640 needed for the 64 GiB to go at 10 VIDYA/GiB: add funds at " + s.base + "/wallet"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			nobody := &member{base: tt.url}
			res, body := nobody.do(t, http.MethodGet, "?"+tt.query, "", nil)
			var reply simReply
			if err := bencode.Unmarshal(body, &reply); err != nil || res.StatusCode != http.StatusOK {
				t.Fatalf("%s: %q: %v", res.Status, body, err)
			}
			if (reply.Failure == "") != (tt.want == "") || !strings.Contains(reply.Failure, tt.want) {
				t.Errorf("failure reason %q, want %q", reply.Failure, tt.want)
			}
			if reply.Interval < 1 || reply.Min < 1 {
				t.Errorf("interval %d, min interval %d", reply.Interval, reply.Min)
			}
			if bytes.Contains(body, raw) || bytes.Contains(body, []byte(keyOfUnknown[8:])) {
				t.Error("a secret is in the reply")
			}
		})
	}
	s.stop(t)
	if log := s.stderr.String(); strings.Contains(log, "/announce/") || strings.Contains(log, keyOfUnknown[8:]) {
		t.Errorf("a key is in the log:\n%s", log)
	}
	for k, r := range meterRows(t, s.dir) {
		if r.Billed != 0 {
			t.Errorf("download %v was billed %d bytes", k, r.Billed)
		}
	}
	s.verifyLedger(t)
}

// TestBadRequests: every refusal of the API is problem+json that names what is wrong.
func TestBadRequests(t *testing.T) {
	t.Parallel()
	s := newSite(t, fmt.Sprintf(quickConfig, hostAddr(9)))
	ann := s.addMember(t, "ann", "100", "50")
	nobody := &member{base: s.base}
	goodFile := hugeTorrent("good")
	ann.upload(t, goodFile)
	info := string(goodFile[len("d4:info") : len(goodFile)-1])
	torrent := func(info string) string { return "d4:info" + info + "e" }
	for _, tt := range []struct {
		name   string
		who    *member
		file   string
		status int
		want   string
	}{
		{"empty", ann, "", 400, "'torrent'"},
		{"no bencode", ann, "hello", 422, `"bencode"`},
		{"an HTML page", ann, "<html>sign in</html>", 422, `"bencode"`},
		{"cut off", ann, string(goodFile[:len(goodFile)/2]), 422, `"bencode"`},
		{"something behind", ann, string(goodFile) + "x", 422, `"trailing-bytes"`},
		{"a list", ann, "le", 422, `"not-dictionary"`},
		{"no info", ann, "d1:ai1ee", 422, `"info-missing"`},
		{"leading zero", ann, torrent(strings.Replace(info, "lengthi", "lengthi0", 1)), 422, `"integer"`},
		{"negative size", ann, torrent(strings.Replace(info, "lengthi", "lengthi-", 1)), 422, `"file-size"`},
		{"name climbs", ann, torrent(strings.Replace(info, "4:name4:good", "4:name2:..", 1)), 422, `"name"`},
		{"piece length", ann, torrent(strings.Replace(info, "i16777216e", "i16777217e", 1)), 422, `"piece-length"`},
		{"piece count", ann, torrent(strings.Replace(info, "i16777216e", "i8388608e", 1)), 422, `"piece-count"`},
		{"larger than a torrent may be", ann, strings.Repeat("x", 10<<20+1), 422, `"size"`},
		{"larger than a request may be", ann, strings.Repeat("x", 12<<20), 413, "larger than"},
		{"twice", ann, string(goodFile), 409, "here already"},
		{"nobody", nobody, string(goodFile), 401, "Sign in"},
		{"wrong token", &member{base: s.base, APIToken: "sst_WRONG"}, string(goodFile), 401, "Sign in"},
	} {
		t.Run("upload/"+tt.name, func(t *testing.T) {
			contentType, body := form(t, "torrent", []byte(tt.file))
			res, answer := tt.who.do(t, http.MethodPost, "/api/v1/torrents", contentType, body)
			checkProblem(t, res, answer, tt.status, tt.want)
		})
	}
	const deposit = `{"rail":"faucet","amount_quote":"%s"}`
	if res, answer := ann.do(t, http.MethodPost, "/api/v1/deposits", "application/json", fmt.Appendf(nil, deposit, "5000000"), "Idempotency-Key", "one"); res.StatusCode != http.StatusCreated {
		t.Fatalf("deposit: %s: %s", res.Status, answer)
	}
	none := strings.Repeat("0", 40)
	for _, tt := range []struct {
		name, method, path, key, body string
		status                        int
		want                          string
	}{
		{"same key, other contents", "POST", "/api/v1/deposits", "one", fmt.Sprintf(deposit, "6000000"), 409, "Idempotency-Key"},
		{"no key", "POST", "/api/v1/deposits", "", fmt.Sprintf(deposit, "6000000"), 400, "Idempotency-Key"},
		{"negative", "POST", "/api/v1/deposits", "two", fmt.Sprintf(deposit, "-6000000"), 422, "amount_quote"},
		{"too much stake", "POST", "/api/v1/stake", "three", `{"amount_utok":"200000000"}`, 409, "Not enough"},
		{"no JSON", "POST", "/api/v1/stake", "four", `amount=5`, 400, ""},
		{"no such torrent", "GET", "/api/v1/torrents/" + none, "", "", 404, "not here"},
		{"no such file", "GET", "/api/v1/torrents/" + none + "/file", "", "", 404, "not here"},
		{"no info-hash", "GET", "/api/v1/torrents/hello/quote", "", "", 404, "40 hex digits"},
		{"no such page of the wallet", "GET", "/api/v1/wallet?cursor=x", "", "", 400, ""},
		{"nothing there", "GET", "/api/v1/nothing", "", "", 404, "nothing at this address"},
		{"not this method", "DELETE", "/api/v1/wallet", "", "", 405, "method"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var header []string
			if tt.key != "" {
				header = []string{"Idempotency-Key", tt.key}
			}
			res, answer := ann.do(t, tt.method, tt.path, "application/json", []byte(tt.body), header...)
			checkProblem(t, res, answer, tt.status, tt.want)
		})
	}
	s.stop(t)
	var torrents, deposits int
	if err := database(t, s.dir).QueryRow("SELECT (SELECT count(*) FROM torrents), (SELECT count(*) FROM transfers WHERE code = 'deposit')").Scan(&torrents, &deposits); err != nil || torrents != 1 || deposits != 1 {
		t.Errorf("%d torrents, %d deposits after all refusals, want 1 and 1: %v", torrents, deposits, err)
	}
	s.verifyLedger(t)
}

func checkProblem(t *testing.T, res *http.Response, answer []byte, status int, want string) {
	t.Helper()
	var p struct {
		Type, Title, Code, Detail string
		Status                    int
	}
	if err := json.Unmarshal(answer, &p); err != nil || res.Header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("%s, %s: %v: %s", res.Status, res.Header.Get("Content-Type"), err, answer)
	}
	if res.StatusCode != status || p.Status != status || p.Type == "" || p.Title == "" || p.Code == "" || p.Detail == "" || !strings.Contains(p.Detail, want) {
		t.Errorf("%s: %s; want status %d and %q in the detail", res.Status, answer, status, want)
	}
}

// TestBadCommands: a command that cannot be carried out says why on standard error, ends with
// another status than 0, and changes nothing.
func TestBadCommands(t *testing.T) {
	t.Parallel()
	s := newSite(t, fmt.Sprintf(quickConfig, hostAddr(9)))
	s.addMember(t, "ann", "100", "50")
	off := t.TempDir() // a data folder without a server
	(&site{dir: off}).addMember(t, "off", "1", "2")
	config := func(text string) string {
		path := filepath.Join(t.TempDir(), "c.toml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	add := func(dir, name, sum string) []string {
		return []string{"admin", "member", "add", name, "--tokens=" + sum, "--data", dir}
	}
	serve := func(args ...string) []string {
		return append([]string{"serve", "--data", t.TempDir(), "--listen", "127.0.0.1:0"}, args...)
	}
	port := freePort(t, "127.0.0.1")
	u, err := url.Parse(s.base)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		args []string
		want []string
	}{
		{"second server on the same data", []string{"serve", "--data", s.dir, "--listen", fmt.Sprintf("127.0.0.1:%d", port)}, []string{"another swarmstake is using " + s.dir, "--data"}},
		{"address taken", []string{"serve", "--data", t.TempDir(), "--listen", u.Host}, []string{"listen on " + u.Host}},
		{"every address and no URL", []string{"serve", "--data", t.TempDir(), "--listen", fmt.Sprintf("0.0.0.0:%d", port)}, []string{"--url"}},
		{"no data folder", []string{"serve", "--listen", "127.0.0.1:0"}, []string{"--data"}},
		{"no such configuration", serve("--config", filepath.Join(off, "none.toml")), []string{"none.toml"}},
		{"broken TOML", serve("--config", config("[tracker\n")), []string{"read configuration"}},
		{"unknown key", serve("--config", config("[tracker]\nleecher_intervall = \"1m\"\n")), []string{"leecher_intervall"}},
		{"unknown table", serve("--config", config("[trackr]\nmin_interval = \"1m\"\n")), []string{"trackr"}},
		{"no duration", serve("--config", config("[surge]\nhalf_life = \"soon\"\n")), []string{"half"}},
		{"zero", serve("--config", config("[server]\nepoch_length = \"0s\"\n")), []string{"server.epoch_length"}},
		{"out of range", serve("--config", config("[tracker]\nmin_interval = \"0s\"\n")), []string{"min", "interval", "0s"}},
		{"URL without a scheme", serve("--url", "tracker.example"), []string{"tracker.example", "https://"}},
		{"check says it too", []string{"config", "check", "--config", config("[probe]\nconcurrency = 0\n")}, []string{"probe.concurrency"}},
		{"name taken", add(s.dir, "ann", "1"), []string{`"ann"`, "another name"}},
		{"name taken in another case", add(s.dir, "ANN", "1"), []string{`"ANN"`, "another name"}},
		{"name taken, no server", add(off, "off", "1"), []string{`"off"`, "another name"}},
		{"impossible name", add(s.dir, "../ann", "1"), []string{"a name has 2 to 32 letters"}},
		{"negative sum", add(s.dir, "new", "-1"), []string{"--tokens", "-1"}},
		{"exponent", add(s.dir, "new", "1e3"), []string{"--tokens", "1e3"}},
		{"seven decimals", add(s.dir, "new", "0.0000001"), []string{"--tokens", "6 decimals"}},
		{"no sum", add(s.dir, "new", ""), []string{"--tokens"}},
		{"more than there can be", add(s.dir, "new", "1000000000001"), []string{"--tokens", "at most"}},
		{"stake too", []string{"admin", "member", "add", "new", "--stake", "much", "--data", s.dir}, []string{"--stake", "much"}},
		{"nobody", []string{"admin", "member", "add", "--data", s.dir}, []string{"arg"}},
		{"unknown command", []string{"sreve"}, []string{"sreve"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, stderr, code := run(t, tt.args...)
			if code == 0 || out != "" {
				t.Errorf("status %d, printed %q", code, out)
			}
			for _, w := range tt.want {
				if !strings.Contains(strings.ToLower(stderr), strings.ToLower(w)) {
					t.Errorf("standard error says %q, want %q in it", stderr, w)
				}
			}
			if strings.Contains(stderr, "goroutine ") {
				t.Errorf("it panicked: %s", stderr)
			}
		})
	}
	s.addMember(t, "new", "1", "1") // no refused command took the name
	s.stop(t)
	s.verifyLedger(t)
}
