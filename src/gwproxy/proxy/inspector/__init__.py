"""The inspector: the page of the running gateway, and what it reads.

A page of a browser is let in where every other one is refused, so this room has a door of its own:

    grant.py      who may: one-time codes for the address, secrets for the page
    files.py      the page itself, as static files; there is no data in it and it needs no secret
    views.py      what it reads, and the two things that it changes
    inspector.py  the door: guards, then what a path means

What comes in here is no exchange: nothing of it is in the log, the ledger or the feed.

In `page/` is what runs in the browser, as it is: no build step, no library, nothing from elsewhere.

    app.js                   the frame: the pass, the views, what stands above all of them
    exchanges.js             a view: the list
    exchange.js              a view: one of them (bars.js: times and tokens, panes.js: its capture)
    usage.js profiles.js     the other two
    store.js session.js      what is known of the exchanges, kept up by events; the page's secret
    json.js tree.js          what differs in two bodies; a body, folded
    dom.js words.js events.js    elements, figures as a person reads them, server-sent events
"""
