// SPDX-License-Identifier: Apache-2.0

package pointertest_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
	"github.com/nrlsecurity/nrlsecurity/pointer"
	"github.com/nrlsecurity/nrlsecurity/pointer/pointertest"
)

var store = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })

type wrongHandler = func(s pointertest.Setting) http.Handler

// before changes requests before the right guard sees them: the rule that they
// broke is as good as taken out.
func before(change func(*http.Request)) wrongHandler {
	return func(s pointertest.Setting) http.Handler {
		authorizer, guard := locator(s)
		inner := guard.Middleware(asidtest.Mark(store))
		return authorizer.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r = r.Clone(r.Context())
			change(r)
			inner.ServeHTTP(w, r)
		}))
	}
}

// rewritten changes the bodies.
func rewritten(change func(r *http.Request, body string) string) wrongHandler {
	return before(func(r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		if err != nil || len(body) == 1<<20 {
			return
		}
		text := change(r, string(body))
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
	})
}

func replaced(pattern, with string) wrongHandler {
	re := regexp.MustCompile(pattern)
	return rewritten(func(_ *http.Request, body string) string { return re.ReplaceAllString(body, with) })
}

// resolving changes what the store answers.
func resolving(change func(q pointer.Query, p *pointer.Pointer, err error) (*pointer.Pointer, error)) wrongHandler {
	return func(s pointertest.Setting) http.Handler {
		inner := s.Resolver
		s.Resolver = resolverFunc(func(q pointer.Query) (*pointer.Pointer, error) {
			p, err := inner.Resolve(context.Background(), q)
			if p != nil {
				c := *p
				p = &c
			}
			return change(q, p, err)
		})
		authorizer, guard := locator(s)
		return authorizer.Middleware(guard.Middleware(asidtest.Mark(store)))
	}
}

// found changes the pointers that are found.
func found(change func(*pointer.Pointer)) wrongHandler {
	return resolving(func(_ pointer.Query, p *pointer.Pointer, err error) (*pointer.Pointer, error) {
		if p != nil {
			change(p)
		}
		return p, err
	})
}

func guarding(change func(*pointer.Guard)) wrongHandler {
	return func(s pointertest.Setting) http.Handler {
		authorizer, guard := locator(s)
		change(guard)
		return authorizer.Middleware(guard.Middleware(asidtest.Mark(store)))
	}
}

// unguarded leaves a method unguarded.
func unguarded(method string) wrongHandler {
	return func(s pointertest.Setting) http.Handler {
		authorizer, guard := locator(s)
		guarded := guard.Middleware(asidtest.Mark(store))
		return authorizer.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == method {
				asidtest.Mark(store).ServeHTTP(w, r)
				return
			}
			guarded.ServeHTTP(w, r)
		}))
	}
}

// answering changes refusals.
func answering(change func(a *httptest.ResponseRecorder)) wrongHandler {
	return func(s pointertest.Setting) http.Handler {
		authorizer, guard := locator(s)
		right := authorizer.Middleware(guard.Middleware(asidtest.Mark(store)))
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			a := httptest.NewRecorder()
			right.ServeHTTP(a, r)
			if a.Code >= 400 {
				change(a)
			}
			for name, values := range a.Header() {
				w.Header()[name] = values
			}
			w.WriteHeader(a.Code)
			w.Write(a.Body.Bytes())
		})
	}
}

// lastWins reads a JSON body as encoding/json does and writes it anew.
func lastWins(r *http.Request, body string) string {
	var resource map[string]any
	if json.NewDecoder(strings.NewReader(body)).Decode(&resource) != nil {
		return body
	}
	out, err := json.Marshal(resource)
	if err != nil {
		return body
	}
	return string(out)
}

// query changes the parameters.
func query(change func(v map[string][]string)) wrongHandler {
	return before(func(r *http.Request) {
		v := r.URL.Query()
		change(v)
		r.URL.RawQuery = v.Encode()
	})
}

func dropped(headers ...string) wrongHandler {
	return before(func(r *http.Request) {
		for _, name := range headers {
			r.Header.Del(name)
		}
	})
}
