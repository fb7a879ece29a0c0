package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/anacrolix/torrent/bencode"

	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// A community moves in before the first start and, the rest of it, beside the running server: members choose
// their passwords, torrents are there with the info-hashes that they had.
func TestCommunityMovesIn(t *testing.T) {
	s := newSite(t, "")
	s.stop(t)
	os.RemoveAll(s.dir) // the port and the address are known now
	import1 := s.writeTable(t, "name,tokens,stake,verified\nanna,25.5,50,\nBert,,,yes\n")
	links := filepath.Join(t.TempDir(), "links.csv")

	s.imports(t, 0, "2 members added, 0 were there", "members", import1, "--links", links)
	s.imports(t, 0, "0 members added, 2 were there", "members", import1, "--links", links)
	found := s.links(t, links)
	if len(found) != 2 || !strings.HasPrefix(found["anna"], s.base+"/password/") {
		t.Fatalf("links: %v", found)
	}
	if at, err := os.Stat(links); err != nil || at.Mode().Perm() != 0o600 {
		t.Errorf("others can read the links: %v %v", at.Mode(), err)
	}

	folder, kept, changed := s.elsewhere(t)
	changes := filepath.Join(t.TempDir(), "changes.csv")
	s.imports(t, 0, "2 torrents added", "torrents", folder, "--uploader", "anna", "--keep-infohash", "--approve", "--changes", changes)
	hashes := readChanges(t, changes)
	if hashes[kept] != kept || hashes[changed] == "" || hashes[changed] == changed {
		t.Errorf("a private torrent must keep its info-hash and a public one cannot: %v", hashes)
	}

	s.serve(t)
	anna := s.choosePassword(t, found["anna"], "anna")
	if w := anna.wallet(t); w.Available != "25500000" || w.Staked != "50000000" {
		t.Errorf("anna's wallet: %+v", w)
	}
	if again, err := http.Get(found["anna"]); err != nil || again.StatusCode != http.StatusNotFound {
		t.Errorf("a link works twice: %v %v", again.Status, err)
	}
	if r := announceOnce(t, httpClient, announceURL(t, anna.torrent(t, kept))+"?info_hash="+escapedHash(kept)+"&peer_id=-TR4060-abcdefghijkl&port=6881&uploaded=0&downloaded=0&left=0"); r.Failure != "" {
		t.Errorf("the old torrent is not served: %+v", r)
	}

	// Beside the running server, which takes it over at once.
	s.imports(t, 0, "1 members added, 1 were there", "members", s.writeTable(t, "name,tokens\nanna,7\ncleo,3\n"), "--links", links)
	c := newContent(t, "late.bin", 300_000, "16KiB")
	late := t.TempDir()
	if err := os.WriteFile(filepath.Join(late, "late.torrent"), c.metainfo, 0o600); err != nil {
		t.Fatal(err)
	}
	table := s.writeTable(t, "file,name,description,category,tags,uploader,approved\nlate.torrent,A late one,Came last,other,late rare,cleo,yes\n")
	s.imports(t, 0, "1 torrents added", "torrents", late, "--csv", table, "--changes", changes)
	for _, now := range readChanges(t, changes) {
		anna.torrent(t, now)
	}
	if w := anna.wallet(t); w.Available != "25500000" {
		t.Errorf("who was there already got something: %+v", w)
	}
	out, stderr, code := run(t, "admin", "member", "password-link", "cleo", "--data", s.dir)
	var link struct{ Link string }
	if json.Unmarshal([]byte(out), &link) != nil || code != 0 {
		t.Fatalf("password-link: %d %s%s", code, out, stderr)
	}
	if old, err := http.Get(s.links(t, links)["cleo"]); err != nil || old.StatusCode != http.StatusNotFound {
		t.Errorf("a newer link leaves the older one: %v %v", old.Status, err)
	}
	s.choosePassword(t, link.Link, "cleo")
	s.stop(t)
	s.verifyLedger(t)
}

// What is wrong is said of every row and file, and nothing of such an import is taken in.
func TestImportOfNonsense(t *testing.T) {
	s := newSite(t, "")
	defer s.end(t, syscall.SIGTERM)
	links := filepath.Join(t.TempDir(), "links.csv")
	for text, says := range map[string]string{
		"":                               "the file is empty",
		"nick\nanna\n":                   `no column "nick"`,
		"tokens\n1\n":                    `"name" is missing`,
		"name,name\na,b\n":               "there twice",
		"name\nanna\n-x-\n":              "line 3",
		"name\nanna\nANNA\n":             "line 2 already",
		"name,tokens\nanna,1.1234567\n":  "tokens:",
		"name,tokens\nanna,-1\n":         "tokens:",
		"name,verified\nanna,perhaps\n":  "want yes or no",
		"name\nanna,1\n":                 "wrong number of fields",
		"name\n\"anna\n":                 "quote",
		"name,tokens\nanna,\xff\xfe\x00": "tokens:",
	} {
		s.imports(t, 1, says, "members", s.writeTable(t, text), "--links", links)
	}
	s.imports(t, 1, "--links", "members", s.writeTable(t, "name\nanna\n"))

	folder, _, _ := s.elsewhere(t)
	if err := os.WriteFile(filepath.Join(folder, "broken.torrent"), []byte("d4:infoe"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.imports(t, 1, "broken.torrent", "torrents", folder, "--uploader", "anna")
	s.imports(t, 1, "--uploader", "torrents", folder)
	s.imports(t, 1, `no member called "nobody"`, "torrents", folder, "--uploader", "nobody", "--skip-refused")
	s.imports(t, 0, "1 members added", "members", s.writeTable(t, "name\nuploader\n"), "--links", filepath.Join(t.TempDir(), "l.csv"))
	missing := s.writeTable(t, "file,uploader\nhidden.TORRENT,uploader\nmore/open.torrent,nobody\n")
	s.imports(t, 1, "nothing was imported, since 1 uploaders", "torrents", folder, "--csv", missing)
	s.imports(t, 1, "does not lie in the folder", "torrents", folder, "--csv", s.writeTable(t, "file\n../secret.torrent\n"))
	s.imports(t, 1, "no .torrent file", "torrents", t.TempDir(), "--uploader", "anna")
	s.imports(t, 0, "2 torrents can be imported", "torrents", folder, "--uploader", "anna", "--skip-refused", "--dry-run")
	if raw, err := os.ReadFile(links); err == nil && strings.Count(string(raw), "\n") > 1 {
		t.Errorf("somebody was taken in: %s", raw)
	}
}

func (s *site) writeTable(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "table.csv")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// imports runs an import that must end with this status and say this.
func (s *site) imports(t *testing.T, status int, says string, args ...string) {
	t.Helper()
	out, stderr, code := run(t, append(append([]string{"import"}, args...), "--data", s.dir, "--url", s.base, "--dev")...)
	if code != status || !strings.Contains(out+stderr, says) {
		t.Fatalf("import %v: status %d, want %d and %q:\n%s%s", args, code, status, says, out, stderr)
	}
}

func readCSV(t *testing.T, path string) [][]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil || len(rows) == 0 {
		t.Fatalf("%s: %v", path, err)
	}
	return rows[1:]
}

func (s *site) links(t *testing.T, path string) map[string]string {
	out := map[string]string{}
	for _, row := range readCSV(t, path) {
		out[row[0]] = row[1]
	}
	return out
}

func readChanges(t *testing.T, path string) map[string]string {
	out := map[string]string{}
	for _, row := range readCSV(t, path) {
		out[row[1]] = row[2]
	}
	return out
}

// elsewhere is a folder of another tracker's torrents: a private one with that tracker's source tag, and in a
// folder of its own a public one. It returns their info-hashes.
func (s *site) elsewhere(t *testing.T) (folder, private, public string) {
	t.Helper()
	folder = t.TempDir()
	file := published(t, newContent(t, "open.bin", 200_000, "16KiB").metainfo)
	hidden, _, err := catalog.MakePrivate(newContent(t, "hidden.bin", 200_000, "16KiB").metainfo, "ELSEWHERE")
	if err != nil {
		t.Fatal(err)
	}
	deep := filepath.Join(folder, "more")
	if err := os.Mkdir(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	for path, data := range map[string][]byte{filepath.Join(folder, "hidden.TORRENT"): hidden, filepath.Join(deep, "open.torrent"): file, filepath.Join(deep, "notes.txt"): []byte("none")} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	of := func(data []byte) string {
		f, err := catalog.Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		return f.InfoHash.String()
	}
	return folder, of(hidden), of(file)
}

// published is a file that anybody may share.
func published(t *testing.T, file []byte) []byte {
	t.Helper()
	var whole map[string]any
	if err := bencode.Unmarshal(file, &whole); err != nil {
		t.Fatal(err)
	}
	delete(whole["info"].(map[string]any), "private")
	out, err := bencode.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// signedIn is what a new session and a new token are answered with.
type signedIn struct {
	ID    bt.MemberID `json:"member_id"`
	Token string      `json:"api_token"`
}

// choosePassword opens a link as a person would, and signs in with the password.
func (s *site) choosePassword(t *testing.T, link, name string) *member {
	t.Helper()
	const password = "a long enough password"
	res, err := http.PostForm(link, url.Values{"password": {password}, "again": {password}})
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK || res.Request.URL.Path != "/sign-in" {
		t.Fatalf("the link leads to %s with %s", res.Request.URL, res.Status)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar}
	post := func(path string, body map[string]string) (out signedIn) {
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Post(s.base+path, "application/json", bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if err := json.NewDecoder(res.Body).Decode(&out); err != nil || res.StatusCode != http.StatusCreated {
			t.Fatalf("%s: %s %v", path, res.Status, err)
		}
		return out
	}
	m := &member{Member: name, base: s.base}
	m.ID = post("/api/v1/session", map[string]string{"name": name, "password": password}).ID
	m.APIToken = post("/api/v1/tokens", map[string]string{"label": "e2e"}).Token
	return m
}
