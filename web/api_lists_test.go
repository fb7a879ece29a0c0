package web_test

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// put and drop are requests with a JSON body, and without one.
func (c *client) put(path, body string) reply {
	c.w.Helper()
	return c.do("PUT", path, strings.NewReader(body))
}

func (c *client) patch(path, body string) reply {
	c.w.Helper()
	return c.do("PATCH", path, strings.NewReader(body))
}

func (c *client) drop(path string) reply { c.w.Helper(); return c.do("DELETE", path, nil) }

// only are some fields of an object, with spaces between.
func only(v map[string]any, fields ...string) string {
	var out []string
	for _, name := range fields {
		out = append(out, fmt.Sprint(v[name]))
	}
	return strings.Join(out, " ")
}

// rows are a list's in an answer.
func (w *world) rows(r reply, list string) []map[string]any {
	w.Helper()
	var out []map[string]any
	for _, x := range w.want(r, 200).json(w)[list].([]any) {
		out = append(out, x.(map[string]any))
	}
	return out
}

// walk reads a list page by page and returns a field of every row. It fails if a page is longer than was asked for,
// if a row comes twice, and if a cursor of nowhere or a limit of nothing is taken.
func (c *client) walk(path, list, field string, limit int) []string {
	c.w.Helper()
	and := "?"
	if strings.Contains(path, "?") {
		and = "&"
	}
	c.w.problem(c.get(path+and+"cursor=nowhere.at.all"), 400, "cursor")
	c.w.problem(c.get(path+and+"limit=0"), 400, "limit")
	c.w.problem(c.get(path+and+"limit=100000"), 400, "limit")
	var seen []string
	for cursor, pages := "", 0; pages == 0 || cursor != ""; pages++ {
		r := c.w.want(c.get(fmt.Sprintf("%s%slimit=%d&cursor=%s", path, and, limit, url.QueryEscape(cursor))), 200)
		page := c.w.rows(r, list)
		if len(page) > limit || len(page) == 0 && pages > 0 {
			c.w.Fatalf("%s: page %d has %d rows of %d", path, pages+1, len(page), limit)
		}
		for _, row := range page {
			name := fmt.Sprint(row[field])
			if slices.Contains(seen, name) {
				c.w.Fatalf("%s: %s comes twice", path, name)
			}
			seen = append(seen, name)
		}
		cursor = r.json(c.w)["next"].(string)
	}
	return seen
}

// Lists have an end that can be reached page by page, in their order, and without what is of others.
func TestListsHavePages(t *testing.T) {
	w := newWorld(t)
	boss, alice := w.operator(), w.member("alice", 0, 0)
	w.pair(alice)
	w.exec("INSERT INTO nodes (id, member, name, public_key, created_ms) SELECT value, 2, 'n', randomblob(32), 0 FROM json_each('[2,3,4,5]')")
	w.exec("INSERT INTO nodes (id, member, name, public_key, created_ms) VALUES (6, 1, 'n', randomblob(32), 0)")
	w.exec(`INSERT INTO invites (code_hash, member, created_ms, expires_ms) SELECT randomblob(8), 1 + value % 2, 1000 + value / 4, value * 1000 FROM json_each('[1,2,3,4,5,6,7,8,9]')`)
	w.exec(`INSERT INTO withdrawals (member, rail, dest, amount_quote, state, created_ms, changed_ms, due_ms)
		SELECT 1 + value % 2, 'x', 'y', 5, 'returned', 1, 1, 2 FROM json_each('[1,2,3,4,5,6,7,8,9]')`)
	w.exec("INSERT INTO slashes (audit, node, torrent, amount_utok, at_ms, due_ms) SELECT 7, value, 1, 5, 1, 2 FROM json_each('[1,2,3,4,5,6]')")
	w.exec("INSERT INTO locks (member, amount_utok, weeks, weight, epoch, start_ms, end_ms, done_ms) SELECT 2, 1, 1, 1, 1, 1, 2, 3 FROM json_each('[1,2,3]')")
	w.exec("INSERT INTO voucher_batches (label, amount_quote, count, expires_ms, created_ms) SELECT 'x', 1, 1, 0, 1 FROM json_each('[1,2,3,4,5]')")
	w.exec("INSERT INTO collections (name, title, about, created_ms, created_by) SELECT value, value, '', 1, 1 FROM json_each('[\"c\",\"a\",\"d\",\"b\",\"e\"]')")
	w.exec(`INSERT INTO badges (id, member, collection, from_ms, to_ms, torrents, bytes, credential, at_ms)
		SELECT 'badge' || value, 1 + value % 2, 1, value, value + 1, 1, 1, 'x', 1 FROM json_each('[1,2,3,4,5,6,7,8,9]')`)
	for _, x := range []struct {
		who               *client
		path, list, field string
		want              string
	}{
		{alice, "/api/v1/nodes", "nodes", "node_id", "[1 2 3 4 5]"},
		{alice, "/api/v1/invites", "invites", "expires_at", "[1970-01-01T00:00:09Z 1970-01-01T00:00:07Z 1970-01-01T00:00:05Z 1970-01-01T00:00:03Z 1970-01-01T00:00:01Z]"},
		{alice, "/api/v1/withdrawals", "withdrawals", "id", "[9 7 5 3 1]"},
		{alice, "/api/v1/locks", "locks", "id", "[3 2 1]"},
		{alice, "/api/v1/slashes", "slashes", "id", "[5 4 3 2 1]"},
		{alice, "/api/v1/badges", "badges", "id", "[badge9 badge7 badge5 badge3 badge1]"},
		{alice, "/api/v1/collections", "collections", "name", "[a b c d e]"},
		{boss, "/api/v1/admin/slashes", "slashes", "id", "[6 5 4 3 2 1]"},
		{boss, "/api/v1/admin/vouchers", "batches", "batch", "[5 4 3 2 1]"},
	} {
		if got := fmt.Sprint(x.who.walk(x.path, x.list, x.field, 2)); got != x.want {
			t.Errorf("%s: %s, want %s", x.path, got, x.want)
		}
		if got := x.who.walk(x.path, x.list, x.field, 100); fmt.Sprint(got) != x.want {
			t.Errorf("%s as one page: %s, want %s", x.path, got, x.want)
		}
	}
}

// Prices are read backwards, each page in the order of time, and without a limit as far as they are drawn.
func TestPricesHavePages(t *testing.T) {
	w := newWorld(t)
	alice := w.member("alice", 0, 0)
	ih := w.want(alice.upload(torrentFile("x")), 201).json(t)["infohash"].(string)
	w.exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 700)
		INSERT INTO prices (torrent, at_ms, price_utok_per_gib, multiplier_ppm, saturation_ppm, demand_bytes, capacity_bytes) SELECT 1, i, i, 1000000, 1, 1, 1 FROM n`)
	path := "/api/v1/torrents/" + ih + "/prices"
	first := w.want(alice.get(path), 200).json(t)
	if n := len(first["prices"].([]any)); n != 500 || first["next"] == "" {
		t.Fatalf("%d prices, next %q", n, first["next"])
	}
	oldest, _ := strconv.Atoi(first["prices"].([]any)[0].(map[string]any)["price_utok_per_gib"].(string))
	older := w.rows(alice.get(path+"?limit=2&cursor="+first["next"].(string)), "prices")
	if got := only(older[0], "price_utok_per_gib") + " " + only(older[1], "price_utok_per_gib"); got != fmt.Sprint(oldest-2, oldest-1) {
		t.Errorf("before %d came %s", oldest, got)
	}
	if got := alice.walk(path, "prices", "price_utok_per_gib", 400); len(got) < 700 {
		t.Errorf("%d prices in all", len(got))
	}
}
