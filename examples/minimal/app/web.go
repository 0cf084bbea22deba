package main

import (
	"html/template"
	"log"
	"net/http"
)

const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>shop</title>
<style>
body { font: 1.2rem/1.5 system-ui, sans-serif; margin: 15vh auto; max-width: 32rem; padding: 0 1rem }
b { color: {{.Color}} }
</style>
<h1>{{.Greeting}}</h1>
<p>This page is version <b>{{.Tag}}</b> from the <b>{{.Color}}</b> stack.</p>
<p>The API says: <code id="api">…</code></p>
<script>
const ask = () => fetch("/api/").then(r => r.text()).then(t => document.getElementById("api").textContent = t)
ask(); setInterval(ask, 1000)
</script>
</html>
`

func newWeb(s settings) http.Handler {
	t := template.Must(template.New("page").Parse(page))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if err := t.Execute(w, map[string]string{"Color": s.color, "Tag": s.tag, "Greeting": s.greeting}); err != nil {
			log.Printf("shop: write page: %v", err)
		}
	})
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, answer{Color: s.color, Tag: s.tag, Host: s.host})
	})
	return mux
}
