package web_test

import (
	"encoding/json"
	"html"
	"strings"
	"testing"

	"github.com/swarmstake/swarmstake/availability"
)

// The reference shows every operation, with a command that calls it, and every code; nobody need be signed in.
func TestReferencePages(t *testing.T) {
	w := newWorld(t)
	nobody := w.client("")
	all := string(w.want(nobody.get("/api"), 200).body)
	pages := map[string]string{}
	eachOperation(theContract.document, func(method, path string, op map[string]any) {
		tag, id := op["tags"].([]any)[0].(string), op["operationId"].(string)
		if pages[tag] == "" {
			pages[tag] = html.UnescapeString(string(w.want(nobody.get("/api/"+tag), 200).body))
		}
		if !strings.Contains(all, `href="/api/`+tag+"#"+id+`"`) || !strings.Contains(pages[tag], `id="`+id+`"`) || !strings.Contains(pages[tag], op["summary"].(string)) {
			t.Errorf("%s %s is not in the reference", method, path)
		}
		if path = braces.ReplaceAllStringFunc(path, func(in string) string { return "$" + strings.ToUpper(strings.Trim(in, "{}")) }); !strings.Contains(pages[tag], `"`+w.url+apiRoot+path+`"`) {
			t.Errorf("%s %s has no example", method, path)
		}
	})
	for code := range theContract.codes {
		if !strings.Contains(all, "<code>"+code+"</code>") {
			t.Errorf("code %s is not in the reference", code)
		}
	}
	w.want(nobody.get("/api/nothing"), 404)
	if home := string(w.want(nobody.get("/"), 200).body); !strings.Contains(home, `href="/api"`) {
		t.Error("no page leads to the reference")
	}
}

// An operator lifts a suspension by the API, and says why.
func TestLiftByAPI(t *testing.T) {
	w := newWorld(t)
	w.operator()
	node := w.pair(w.member("alice", 0, 0))
	st := availability.NewStanding(availability.DefaultParams())
	st.Suspended = true
	raw, err := json.Marshal(st)
	if err != nil {
		t.Fatal(err)
	}
	w.exec("UPDATE nodes SET standing = ?, suspended_ms = ? WHERE id = ?", string(raw), w.now().UnixMilli(), node)
	boss := w.program("boss", "swst_boss")
	w.problem(boss.post(apiRoot+"/admin/nodes/1/lift", `{"reason":""}`), 422, "reason")
	if v := w.want(boss.post(apiRoot+"/admin/nodes/1/lift", `{"reason":"it was the tracker's fault"}`), 200).json(t); v["state"] != "active" || v["node"] != 1.0 {
		t.Errorf("%v", v)
	}
	if v := w.want(boss.get(apiRoot+"/admin/nodes?show=suspended"), 200).json(t); len(v["nodes"].([]any)) > 0 {
		t.Errorf("still suspended: %v", v)
	}
}
