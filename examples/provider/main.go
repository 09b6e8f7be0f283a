// SPDX-License-Identifier: Apache-2.0

// Provider serves records to the Spine Secure Proxy only.
//
//	provider -listen ADDR -cert FILE -key FILE -roots FILE -subcas FILE -fqdn NAME[,NAME] -asid ID
//	    [-engine native|openssl] [-crl FILE]... [-fetch] [-records DIR] [-cache DIR] [-max-skew DURATION]
//	    [-behind PROGRAM -trust ADDR -secret FILE|-insecure-no-secret]
//
// With -behind, PROGRAM ends TLS, as package tlsconfig/terminator configures it, and
// -cert and -key are not wanted. ADDR of -listen may be unix:PATH, where PROGRAM connects
// as this program's own user or root.
//
// It serves the files of DIR under /records/, and /records/demo.json when there
// is no DIR. It prints "listening on ADDR" once it can be called, logs one JSON
// line per handshake and per request on stderr, and finishes what is in flight
// when it gets SIGTERM or an interrupt.
package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"os"
	"path"
	"unicode/utf8"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/examples/internal/endpoint"
	"github.com/nrlsecurity/nrlsecurity/examples/internal/engine"
)

func main() { endpoint.Main("provider", run) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags, end := endpoint.NewFlags("provider", "proxy", "required")
	listen := flags.String("listen", "127.0.0.1:0", "`ADDR` to serve on")
	self := flags.String("asid", "", "this provider's own ASID, which Ssp-To must name")
	var by engine.Name
	by.Register(flags)
	var behind endpoint.Behind
	behind.Register(flags)
	skew := flags.Duration("max-skew", 0, "by which the sender's clock may differ; 0: 30s; negative: not at all")
	dir := flags.String("records", "", "`DIR` whose files are served under /records/")
	if err := endpoint.Parse(flags, args, stderr); err != nil {
		return err
	}
	id, err := asid.ParseID(*self)
	if err != nil {
		return fmt.Errorf("-asid: %w", err)
	}
	records, closeRecords, err := records(*dir)
	if err != nil {
		return fmt.Errorf("-records: %w", err)
	}
	defer closeRecords()

	logger := slog.New(slog.NewJSONHandler(stderr, nil))
	server := endpoint.Server{Listen: *listen, Stdout: stdout, Logger: logger}
	var peers asid.PeerSource
	if behind.Used() {
		verifier, err := end.Verifier(ctx, logger)
		if err != nil {
			return err
		}
		if server.Front, err = behind.Front(*verifier, *listen, logger); err != nil {
			return err
		}
		peers = server.Front
	} else {
		e, err := end.Endpoint(ctx, logger)
		if err != nil {
			return err
		}
		peers = e
		server.Wrap = func(inner net.Listener) (net.Listener, error) { return by.Listen(inner, e) }
	}
	gate := &asid.Gate{Self: id, Peers: peers, MaxSkew: *skew, Logger: logger}
	server.Handler = gate.Middleware(records)
	return endpoint.Serve(ctx, server)
}

// records serves the files of dir, or a demonstration record if dir is empty.
func records(dir string) (handler http.Handler, closeDir func(), err error) {
	mux := http.NewServeMux()
	if dir == "" {
		mux.HandleFunc("GET /records/demo.json", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, `{"record":"demo","title":"Care plan","status":"made up for show"}`+"\n")
		})
		return mux, func() {}, nil
	}
	// A Root keeps symbolic links inside the folder.
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, err
	}
	mux.HandleFunc("GET /records/{name...}", func(w http.ResponseWriter, r *http.Request) {
		serveFile(w, r, root.FS(), r.PathValue("name"))
	})
	return mux, func() { root.Close() }, nil
}

// serveFile serves a file, and never the list of a folder, which would name
// records to a client that does not know of them.
func serveFile(w http.ResponseWriter, r *http.Request, dir fs.FS, name string) {
	// Before it is opened, since opening a pipe waits for its writer.
	info, err := fs.Stat(dir, name)
	if err != nil || !info.Mode().IsRegular() {
		http.NotFound(w, r)
		return
	}
	file, err := dir.Open(name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	defer file.Close()
	content, ok := file.(io.ReadSeeker)
	if !ok {
		http.NotFound(w, r)
		return
	}
	if err := plainType(w.Header(), name, content); err != nil {
		http.NotFound(w, r)
		return
	}
	http.ServeContent(w, r, name, info.ModTime(), content)
}

// plainType sets the type of the file's name without a charset, unless its
// beginning is UTF-8: net/http claims UTF-8 for every text.
func plainType(header http.Header, name string, content io.ReadSeeker) error {
	mediaType, parameters, err := mime.ParseMediaType(mime.TypeByExtension(path.Ext(name)))
	if err != nil || parameters["charset"] == "" {
		return nil // net/http looks at the content
	}
	beginning := make([]byte, 64<<10)
	n, err := io.ReadFull(content, beginning)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return err
	}
	if _, err := content.Seek(0, io.SeekStart); err != nil {
		return err
	}
	text := beginning[:n]
	if n == len(beginning) {
		text = wholeCharacters(text)
	}
	if utf8.Valid(text) {
		return nil
	}
	header.Set("Content-Type", mediaType)
	return nil
}

// wholeCharacters returns text without a character that is cut at its end.
func wholeCharacters(text []byte) []byte {
	for i := 1; i < utf8.UTFMax && i <= len(text); i++ {
		if last := text[len(text)-i:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				return text[:len(text)-i]
			}
			break
		}
	}
	return text
}
