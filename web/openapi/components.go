package openapi

// components are what operations share.
func (d Document) components() map[string]any {
	return map[string]any{
		"schemas": map[string]any{"Problem": d.problemSchema()},
		"parameters": map[string]any{"IdempotencyKey": map[string]any{
			"name": "Idempotency-Key", "in": "header", "required": true,
			"description": "A new one for each new request. The same key with the same request gives the same answer and happens once; with another request it is refused.",
			"schema":      map[string]any{"type": "string", "minLength": 1, "maxLength": 128},
		}},
		"responses": map[string]any{"Problem": map[string]any{
			"description": "What went wrong, as RFC 9457 has it; code is stable.",
			"headers":     rateHeaders(),
			"content":     map[string]any{"application/problem+json": map[string]any{"schema": map[string]any{"$ref": "#/components/schemas/Problem"}}},
		}},
		"headers": map[string]any{
			"RateLimit":       header("What is left of each limit: \"name\";r=LEFT;t=SECONDS"),
			"RateLimitPolicy": header("The limits that hold: \"name\";q=REQUESTS;w=SECONDS"),
		},
		"securitySchemes": map[string]any{
			"token":   map[string]any{"type": "http", "scheme": "bearer", "description": "An API token of a member, made at /account/tokens."},
			"session": map[string]any{"type": "apiKey", "in": "cookie", "name": "__Host-session", "description": "The session of a browser."},
			"node":    map[string]any{"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "A token that a node signed with its own key: EdDSA, iss node/ID, aud the tracker's address, exp within 5 minutes, jti once, body the hash of what is sent."},
		},
	}
}

func header(what string) map[string]any {
	return map[string]any{"description": what, "schema": map[string]any{"type": "string"}}
}

func rateHeaders() map[string]any {
	return map[string]any{
		"RateLimit":        map[string]any{"$ref": "#/components/headers/RateLimit"},
		"RateLimit-Policy": map[string]any{"$ref": "#/components/headers/RateLimitPolicy"},
	}
}

func (d Document) problemSchema() Schema {
	code := Text("Stable name of the problem, for programs: x-codes are those that there are; versions to come may add some")
	code["x-codes"] = d.Problems
	return Object(
		Need("type", Text("A URI that names the kind of problem; about:blank")),
		Need("title", Text("The status in words")),
		Need("status", Whole("HTTP status", 400, 599)),
		Need("code", code),
		Need("detail", Text("What happened and what to do, for people")),
	)
}
