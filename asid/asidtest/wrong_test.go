// SPDX-License-Identifier: Apache-2.0

package asidtest_test

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
)

// before changes requests before the right handler sees them: the rule that they
// broke is as good as taken out.
func before(handler http.Handler, change func(*http.Request)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.Clone(r.Context())
		change(r)
		handler.ServeHTTP(w, r)
	})
}

// after changes the answers of the right handler.
func after(handler http.Handler, change func(w http.ResponseWriter, r *http.Request, answer *httptest.ResponseRecorder)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, r)
		change(w, r, answer)
	})
}

func copyTo(w http.ResponseWriter, answer *httptest.ResponseRecorder) {
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	w.Write(answer.Body.Bytes())
}

// repair gives a header a good value where so says.
func repair(name, value string, so func(values []string) bool) func(*http.Request) {
	return func(r *http.Request) {
		if values := r.Header.Values(name); so(values) {
			r.Header.Set(name, value)
		}
	}
}

func none(values []string) bool     { return len(values) == 0 }
func empty(values []string) bool    { return len(values) == 1 && values[0] == "" }
func anything(values []string) bool { return true }

func malformedID(values []string) bool {
	if len(values) != 1 {
		return false
	}
	_, err := asid.ParseID(values[0])
	return err != nil
}

func malformedToken(values []string) bool {
	if len(values) != 1 {
		return false
	}
	_, err := asid.ParseToken(strings.TrimPrefix(values[0], "Bearer "))
	return err != nil
}

// first keeps the first of several values, and last the last.
func first(name string) func(*http.Request) {
	return func(r *http.Request) {
		if values := r.Header.Values(name); len(values) > 1 {
			r.Header.Set(name, values[0])
		}
	}
}

func last(name string) func(*http.Request) {
	return func(r *http.Request) {
		if values := r.Header.Values(name); len(values) > 1 {
			r.Header.Set(name, values[len(values)-1])
		}
	}
}

type registry func(asid.ID, func() (*asid.System, error)) (*asid.System, error)

// over puts a function before a registry.
func (f registry) over(inner asid.Registry) asid.Registry { return overRegistry{inner, f} }

type overRegistry struct {
	inner asid.Registry
	f     registry
}

func (o overRegistry) Lookup(ctx context.Context, id asid.ID) (*asid.System, error) {
	return o.f(id, func() (*asid.System, error) { return o.inner.Lookup(ctx, id) })
}

// A wrong handler is made of the right one.
type wrongHandler func(s asidtest.Setting) http.Handler

// goodToken and goodTrace are taken from a request that passes.
func goodHeaders(t *testing.T) (nrl, ssp http.Header) {
	t.Helper()
	capture := func(test func(func(asidtest.Setting) http.Handler) error, build func(s asidtest.Setting, h http.Handler) http.Handler) (header http.Header) {
		test(func(s asidtest.Setting) http.Handler {
			note := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if header == nil && r.Method == http.MethodGet {
					header = r.Header.Clone()
				}
				asidtest.Mark(records).ServeHTTP(w, r)
			})
			return build(s, note)
		})
		require.NotNil(t, header)
		return header
	}
	nrl = capture(asidtest.TestAuthorizer, func(s asidtest.Setting, h http.Handler) http.Handler { return authorizer(s).Middleware(h) })
	ssp = capture(func(build func(asidtest.Setting) http.Handler) error { return asidtest.TestGate(build) },
		func(s asidtest.Setting, h http.Handler) http.Handler { return gate(s).Middleware(h) })
	return nrl, ssp
}

// common are mistakes that either kind of handler may have. check is the right
// middleware.
func common(check func(asidtest.Setting) func(http.Handler) http.Handler) map[string]wrongHandler {
	marked := func(s asidtest.Setting) http.Handler { return check(s)(asidtest.Mark(records)) }
	answering := func(change func(w http.ResponseWriter, r *http.Request, a *httptest.ResponseRecorder)) wrongHandler {
		return func(s asidtest.Setting) http.Handler { return after(marked(s), change) }
	}
	refusal := func(change func(w http.ResponseWriter, a *httptest.ResponseRecorder)) wrongHandler {
		return answering(func(w http.ResponseWriter, _ *http.Request, a *httptest.ResponseRecorder) {
			if a.Code >= 400 {
				change(w, a)
				return
			}
			copyTo(w, a)
		})
	}
	return map[string]wrongHandler{
		"no check at all":       func(asidtest.Setting) http.Handler { return asidtest.Mark(records) },
		"nothing is marked":     func(s asidtest.Setting) http.Handler { return check(s)(records) },
		"everything is refused": func(asidtest.Setting) http.Handler { return http.NotFoundHandler() },
		"the handler, then the check": func(s asidtest.Setting) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asidtest.Mark(records).ServeHTTP(httptest.NewRecorder(), r)
				marked(s).ServeHTTP(w, r)
			})
		},
		"refused, but handled all the same": func(s asidtest.Setting) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				marked(s).ServeHTTP(w, r)
				asidtest.Mark(records).ServeHTTP(httptest.NewRecorder(), r)
			})
		},
		"what Connection names is not looked at": func(s asidtest.Setting) http.Handler {
			return before(marked(s), func(r *http.Request) {
				if !strings.EqualFold(r.Header.Get("Connection"), "Upgrade") {
					r.Header.Del("Connection")
				}
			})
		},
		"peers are not asked for": func(s asidtest.Setting) http.Handler {
			s.Peers = asid.InsecureUnverifiedPeers{}
			return marked(s)
		},
		"a peer that is refused is none": func(s asidtest.Setting) http.Handler {
			inner := s.Peers
			s.Peers = peers(func(r *http.Request) (*x509.Certificate, error) {
				if cert, err := inner.Peer(r); err == nil {
					return cert, nil
				}
				return asid.InsecureUnverifiedPeers{}.Peer(r)
			})
			return marked(s)
		},
		"the peer of the first request is that of all": func(s asidtest.Setting) http.Handler {
			inner := s.Peers
			var known *x509.Certificate
			s.Peers = peers(func(r *http.Request) (*x509.Certificate, error) {
				if known != nil {
					return known, nil
				}
				cert, err := inner.Peer(r)
				known = cert
				return cert, err
			})
			return marked(s)
		},
		"why a peer is refused is lost": func(s asidtest.Setting) http.Handler {
			inner := s.Peers
			s.Peers = peers(func(r *http.Request) (*x509.Certificate, error) {
				cert, err := inner.Peer(r)
				if err != nil {
					err = errors.New(err.Error())
				}
				return cert, err
			})
			return marked(s)
		},
		"connections of refused peers stay open": answering(func(w http.ResponseWriter, _ *http.Request, a *httptest.ResponseRecorder) {
			a.Header().Del("Connection")
			copyTo(w, a)
		}),
		"another ASID of its own": func(s asidtest.Setting) http.Handler {
			s.Self = asid.MustParseID("200000000777")
			return marked(s)
		},
		"refusals are answered by 200": refusal(func(w http.ResponseWriter, a *httptest.ResponseRecorder) {
			a.Code = http.StatusOK
			copyTo(w, a)
		}),
		"refusals are answered by 403": refusal(func(w http.ResponseWriter, a *httptest.ResponseRecorder) {
			a.Code = http.StatusForbidden
			copyTo(w, a)
		}),
		"refusals are answered by 500": refusal(func(w http.ResponseWriter, a *httptest.ResponseRecorder) {
			a.Code = http.StatusInternalServerError
			copyTo(w, a)
		}),
		"refusals are answered in plain text": refusal(func(w http.ResponseWriter, a *httptest.ResponseRecorder) {
			w.Header().Set("Cache-Control", "no-store")
			http.Error(w, "no", a.Code)
		}),
		"refusals have another code": refusal(func(w http.ResponseWriter, a *httptest.ResponseRecorder) {
			body := strings.NewReplacer("ACCESS_DENIED", "ASID_CHECK_FAILED", "MISSING_OR_INVALID_HEADER", "BAD_REQUEST").Replace(a.Body.String())
			a.Body.Reset()
			a.Body.WriteString(body)
			copyTo(w, a)
		}),
		"refusals have another display": refusal(func(w http.ResponseWriter, a *httptest.ResponseRecorder) {
			body := strings.ReplaceAll(a.Body.String(), "There is a required header missing or invalid", "Bad request")
			a.Body.Reset()
			a.Body.WriteString(body)
			copyTo(w, a)
		}),
		"refusals may be stored": refusal(func(w http.ResponseWriter, a *httptest.ResponseRecorder) {
			a.Header().Del("Cache-Control")
			copyTo(w, a)
		}),
		"a refusal panics": refusal(func(http.ResponseWriter, *httptest.ResponseRecorder) { panic("no") }),
		"HEAD is refused": func(s asidtest.Setting) http.Handler {
			right := marked(s)
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodHead {
					http.Error(w, "no", http.StatusBadRequest)
					return
				}
				right.ServeHTTP(w, r)
			})
		},
	}
}

// headerFaults takes out the rules of single headers.
func headerFaults(check func(asidtest.Setting) func(http.Handler) http.Handler, good http.Header, ids, others []string) map[string]wrongHandler {
	wrongs := map[string]wrongHandler{}
	add := func(name string, change func(*http.Request)) {
		wrongs[name] = func(s asidtest.Setting) http.Handler { return before(check(s)(asidtest.Mark(records)), change) }
	}
	for _, name := range slices.Concat(ids, others) {
		value := good.Get(name)
		add(name+" may be missing", repair(name, value, none))
		add(name+" may be empty", repair(name, value, empty))
		add("of several "+name+" the first counts", first(name))
		add("of several "+name+" the last counts", last(name))
	}
	for _, name := range ids {
		add(name+" may be malformed", repair(name, good.Get(name), malformedID))
	}
	add("any token", repair("Authorization", good.Get("Authorization"), anything))
	add("no token", repair("Authorization", good.Get("Authorization"), none))
	add("tokens that cannot be read", repair("Authorization", good.Get("Authorization"), malformedToken))
	add("any scheme of authorisation", func(r *http.Request) {
		if v := r.Header.Get("Authorization"); v != "" && !strings.HasPrefix(strings.ToLower(v), "bearer") {
			r.Header.Set("Authorization", good.Get("Authorization"))
		}
	})
	add("tokens with a signature", func(r *http.Request) {
		head, tail, ok := strings.Cut(r.Header.Get("Authorization"), ".")
		payload, signature, _ := strings.Cut(tail, ".")
		if ok && signature != "" && !strings.Contains(signature, ".") {
			r.Header.Set("Authorization", head+"."+payload+".")
		}
	})
	return wrongs
}
