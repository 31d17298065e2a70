/// A page that shows a guest's screen where noVNC isn't installed: pixels as they come, keys and the pointer, no more.
enum Viewer {
    static let page = """
        <!DOCTYPE html>
        <html lang="en">
        <head><meta charset="utf-8"><title>Console</title></head>
        <body style="margin:0;background:#222;color:#ddd;font:14px sans-serif">
        <p id="word" style="margin:4px">Connecting. (Install Debian's package novnc to have noVNC here.)</p>
        <canvas id="screen" tabindex="0"></canvas>
        <script>
        "use strict";
        const word = document.getElementById("word"), screen = document.getElementById("screen");
        const pen = screen.getContext("2d");
        const path = new URLSearchParams(location.search).get("path") || "websockify";
        const socket = new WebSocket((location.protocol === "https:" ? "wss://" : "ws://") + location.host + "/" + path,
            ["binary"]);
        socket.binaryType = "arraybuffer";
        let heard = new Uint8Array(0), wake = null;
        socket.onmessage = event => {
            const more = new Uint8Array(event.data), all = new Uint8Array(heard.length + more.length);
            all.set(heard); all.set(more, heard.length); heard = all;
            if (wake) { wake(); wake = null; }
        };
        socket.onclose = () => { word.textContent = "The console is closed."; };
        const say = (...bytes) => socket.send(new Uint8Array(bytes));
        const hear = async count => {
            while (heard.length < count) { await new Promise(resolve => { wake = resolve; }); }
            const part = heard.slice(0, count); heard = heard.slice(count);
            return new DataView(part.buffer);
        };
        const pair = number => [number >> 8 & 255, number & 255];
        const ask = isMore => say(3, isMore ? 1 : 0, 0, 0, 0, 0, ...pair(screen.width), ...pair(screen.height));
        async function draw() {
            await hear(1);
            const count = (await hear(2)).getUint16(0);
            for (let index = 0; index < count; index += 1) {
                const head = await hear(12), width = head.getUint16(4), height = head.getUint16(6);
                const pixels = await hear(width * height * 4), image = pen.createImageData(width, height);
                for (let place = 0; place < width * height * 4; place += 4) {
                    image.data[place] = pixels.getUint8(place + 2);
                    image.data[place + 1] = pixels.getUint8(place + 1);
                    image.data[place + 2] = pixels.getUint8(place);
                    image.data[place + 3] = 255;
                }
                pen.putImageData(image, head.getUint16(0), head.getUint16(2));
            }
            ask(true);
        }
        async function run() {
            await hear(12);
            socket.send(new TextEncoder().encode("RFB 003.008\\n"));
            await hear((await hear(1)).getUint8(0));
            say(1);
            await hear(4);
            say(1);
            const start = await hear(24);
            screen.width = start.getUint16(0); screen.height = start.getUint16(2);
            const name = await hear(start.getUint32(20));
            word.textContent = new TextDecoder().decode(name.buffer);
            say(0, 0, 0, 0, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0);
            say(2, 0, 0, 1, 0, 0, 0, 0);
            ask(false);
            for (;;) {
                const kind = (await hear(1)).getUint8(0);
                if (kind === 0) { await draw(); }
                else if (kind === 3) { const head = await hear(7); await hear(head.getUint32(3)); }
                else if (kind !== 2) { socket.close(); return; }
            }
        }
        const special = { Enter: 0xff0d, Backspace: 0xff08, Tab: 0xff09, Escape: 0xff1b, Delete: 0xffff, Home: 0xff50,
            ArrowLeft: 0xff51, ArrowUp: 0xff52, ArrowRight: 0xff53, ArrowDown: 0xff54, End: 0xff57, Shift: 0xffe1,
            Control: 0xffe3, Alt: 0xffe9 };
        const key = isDown => event => {
            const code = special[event.key] || (event.key.length === 1 ? event.key.codePointAt(0) : 0);
            if (code) { say(4, isDown, 0, 0, 0, 0, ...pair(code)); event.preventDefault(); }
        };
        screen.addEventListener("keydown", key(1));
        screen.addEventListener("keyup", key(0));
        const point = event => say(5, event.buttons & 7, ...pair(event.offsetX), ...pair(event.offsetY));
        for (const kind of ["mousemove", "mousedown", "mouseup"]) { screen.addEventListener(kind, point); }
        screen.focus();
        run();
        </script>
        </body>
        </html>

        """
}
