// Every page of the example, as people use it.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { agree, api, newcomer, site, until } from "../browser.js";
import { accessible, askProvider, change, publish, signIn, skip, start, tabTo, toProvider } from "../example.js";
import { runIn } from "../programs.js";

// One pixel.
const picture = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);

const ofPerson = `"userId" = (select id from "user" where email = $1)`;

test("the example needs no fetch, no any and no cast", async () => {
  await runIn("../example", "tsc");
  await runIn("../example", "oxlint", "--deny-warnings");
});

describe("the pages of the example", { skip }, () => {
  let browser;
  before(async () => {
    browser = await start();
  });
  after(() => browser.close());

  test("show what people publish and do", async () => {
    const { page, person } = await signIn(await browser.open());
    const title = `Difference Engine of ${person.name}`;
    const path = await publish(page, title);
    await page.getByText("It prints tables.").waitFor();
    await accessible(page);

    // Another person finds it, likes it, comments on it, and follows its author.
    const other = await signIn(await browser.open());
    const reader = other.page;
    await reader.getByRole("searchbox").fill(title);
    await reader.getByRole("button", { name: "Search" }).click();
    await reader.getByRole("link", { name: title }).waitFor();
    await reader.getByRole("group", { name: "Tags" }).getByLabel("mechanics").check();
    await reader.waitForURL(/tag=mechanics/);
    await reader.getByRole("link", { name: title }).waitFor();
    await accessible(reader);
    await reader.getByRole("link", { name: title }).click();
    await reader.getByRole("button", { name: `Like ${title}, 0 likes` }).click();
    await reader.getByRole("button", { name: `Like ${title}, 1 like`, pressed: true }).waitFor();
    await reader.getByLabel("Your comment").fill("How *fast* is it?");
    await reader.getByRole("button", { name: "Comment" }).click();
    await reader.getByRole("list", { name: "Comments" }).getByText("How fast is it?").waitFor();
    await until(async () => (await reader.getByLabel("Your comment").inputValue()) === "", "the field is empty");
    await reader.getByRole("button", { name: `Follow ${person.name}` }).click();
    await reader.getByRole("button", { name: `Follow ${person.name}`, pressed: true }).waitFor();
    for (const [link, heading] of [
      ["Saved", "Saved"],
      ["CodeCave", "Your feed"],
    ]) {
      await reader.getByRole("link", { name: link, exact: true }).click();
      await reader.getByRole("heading", { level: 1, name: heading }).waitFor();
      await reader.getByRole("link", { name: title }).waitFor();
      await accessible(reader);
    }

    // The author learns of it.
    await page.goto("/");
    await page.getByRole("link", { name: "Notifications (3 new)" }).click();
    await page.getByText("How *fast* is it?").waitFor();
    await accessible(page);
    await page.getByRole("button", { name: "Mark all as read" }).click();
    await page.getByRole("link", { name: "Notifications", exact: true }).waitFor();

    // The profile shows it too.
    await page.getByRole("link", { name: person.name, exact: true }).click();
    await page.getByRole("list", { name: "Days with contributions" }).waitFor();
    await page.getByRole("link", { name: title }).waitFor();
    await accessible(page);
    await page.getByRole("link", { name: "1 follower, 0 following" }).click();
    await page.getByRole("list", { name: "Followers" }).getByRole("link", { name: other.person.name }).waitFor();
    await page.getByRole("list", { name: "Suggested to you" }).getByRole("listitem").first().waitFor();
    await accessible(page);

    await page.goto(path);
    await page.getByRole("button", { name: "Delete the project" }).click();
    await page.getByRole("heading", { level: 1, name: "Your feed" }).waitFor();
    await reader.goto(path);
    await reader.getByRole("heading", { level: 1, name: "This project does not exist" }).waitFor();
  });

  test("let a person edit and delete a comment, and keep what another tab saved", async () => {
    const context = await browser.open();
    const { page, person } = await signIn(context);
    const path = await publish(page, `Talk of ${person.name}`);
    await page.getByLabel("Your comment").fill("It is *slow*.");
    await page.getByRole("button", { name: "Comment", exact: true }).click();
    const comments = page.getByRole("list", { name: "Comments" });
    await comments.getByText("It is slow.").waitFor();
    const old = await context.newPage();
    await old.goto(path);
    await old.getByRole("button", { name: "Edit the comment" }).click();

    const edit = page.getByRole("button", { name: "Edit the comment" });
    await edit.click();
    await accessible(page);
    assert.equal(await page.getByLabel("Text of the comment").inputValue(), "It is *slow*.");
    await page.getByLabel("Text of the comment").fill("It is **fast**.");
    await page.getByRole("button", { name: "Save the comment" }).click();
    await comments.getByText("It is fast.").waitFor();
    await comments.getByText("edited", { exact: true }).waitFor();
    await until(async () => (await edit.getAttribute("aria-expanded")) === "false", "the form is closed");
    await until(() => edit.evaluate((button) => button === document.activeElement), "the button has the focus");

    await old.getByLabel("Text of the comment").fill("It is lost.");
    await old.getByRole("button", { name: "Save the comment" }).click();
    await old.getByRole("alert").getByText("Comment was changed by another request").waitFor();
    assert.equal(await old.getByLabel("Text of the comment").inputValue(), "It is lost.");
    await old.getByRole("list", { name: "Comments" }).getByText("It is fast.").waitFor();
    await old.getByRole("button", { name: "Edit the comment" }).click();
    await old.getByRole("button", { name: "Edit the comment" }).click();
    assert.equal(await old.getByLabel("Text of the comment").inputValue(), "It is **fast**.");
    await page.reload();
    await comments.getByText("It is fast.").waitFor();

    await page.getByRole("button", { name: "Delete the comment" }).click();
    await page.getByText("There is no comment yet.").waitFor();
  });

  test("let a person upload files", { skip: process.env.STORAGE ? false : "there is no bucket" }, async () => {
    const { page, person } = await signIn(await browser.open());
    await publish(page, `Pictures of ${person.name}`);
    await page.getByRole("link", { name: "Edit" }).click();
    const input = page.getByLabel("Add a picture");
    await input.setInputFiles({ name: "wheel.png", mimeType: "image/png", buffer: picture });
    await page.getByText("wheel.png is uploaded.").waitFor();
    await input.setInputFiles({ name: "wheel.svg", mimeType: "image/svg+xml", buffer: Buffer.from("<svg/>") });
    await page.getByRole("alert").getByText("wheel.svg has a type that cannot be uploaded").waitFor();
    await accessible(page);
    await page.getByRole("link", { name: "Preview" }).click();
    await page.getByRole("img", { name: "wheel.png" }).waitFor();

    await page.getByRole("link", { name: "Settings" }).click();
    await page.getByLabel("Picture").setInputFiles({ name: "me.png", mimeType: "image/png", buffer: picture });
    await page.getByText("The picture is changed.").waitFor();
    await page.getByRole("link", { name: person.name, exact: true }).click();
    await page.locator('section[aria-label="About"] img[src*="/images/"]').waitFor();
  });

  test("have settings for the profile, keys and the end of the account", async () => {
    const { page, person } = await signIn(await browser.open());
    await page.getByRole("link", { name: "Settings" }).click();
    await page.getByLabel("Website").fill("ftp://example.com");
    await page.getByRole("button", { name: "Save the profile" }).click();
    await page.getByRole("alert").getByText("website must be a URL address").waitFor();
    assert.equal(await page.getByLabel("Website").inputValue(), "ftp://example.com");
    await page.getByLabel("Website").fill("example.com");
    await page.getByLabel("Skills").fill("Gears, Tables");
    await page.getByRole("button", { name: "Save the profile" }).click();
    await page.locator('input[name="website"][value="https://example.com"]').waitFor();

    await page.getByLabel("Name of the key").fill("Script");
    await page.getByRole("button", { name: "Create a key" }).click();
    await page.getByText("Copy the key now").waitFor();
    await accessible(page);
    await page.getByRole("button", { name: "Delete the key Script" }).click();
    await page.getByRole("button", { name: "Delete the key Script" }).waitFor({ state: "detached" });

    await page.getByRole("link", { name: "People" }).click();
    await page.getByLabel("Skill").fill("gears");
    await page.getByRole("button", { name: "Find people" }).click();
    await page.getByRole("list", { name: "People" }).getByRole("link", { name: person.name }).waitFor();
    await accessible(page);

    await page.getByRole("link", { name: "Settings" }).click();
    await page.getByLabel("Delete everything").check();
    await page.getByRole("button", { name: "Delete the account" }).click();
    await page.getByRole("heading", { level: 1, name: "Share what you build" }).waitFor();
    await page.getByRole("link", { name: "Sign in" }).waitFor();
    await accessible(page);
  });

  test("link and unlink the accounts that a person signs in with", async () => {
    const { page, person } = await signIn(await browser.open());
    await page.getByRole("link", { name: "Settings" }).click();
    const accounts = page.getByRole("list", { name: "Accounts to sign in with" });
    await accounts.getByText("GitHub, since").waitFor();
    await page.getByText("The last account cannot be unlinked.").waitFor();
    assert.equal(await page.getByRole("button", { name: "Unlink" }).count(), 0);

    // Somebody else's account, and one whose owner declines.
    const link = page.getByRole("button", { name: "Link Google", exact: true });
    await page.goto(agree(await toProvider(page, link), newcomer()));
    await page.getByRole("alert").getByText("That account has another address than you have here.").waitFor();
    await page.goto(`${await toProvider(page, link)}&decision=deny`);
    await page.getByRole("alert").getByText("You did not allow the access.").waitFor();
    await accessible(page);
    await page.goto(agree(await toProvider(page, link), person));
    await accounts.getByText("Google, since").waitFor();
    assert.equal(page.url(), `${site}/settings`);
    assert.equal(await link.count(), 0);
    await accessible(page);

    // To unlink, the session must be younger than a day.
    await change(person, `update session set "createdAt" = "createdAt" - interval '2 days' where ${ofPerson}`);
    await page.getByRole("button", { name: "Unlink GitHub" }).click();
    await page.getByRole("alert").getByText("Your sign-in is more than a day old.").waitFor();
    await page.getByRole("alert").getByRole("link", { name: "Sign in" }).click();
    await page.goto(agree(await askProvider(page, "Google"), person));
    await page.getByRole("link", { name: "Settings" }).click();
    await page.getByRole("button", { name: "Unlink GitHub" }).click();
    await page.getByRole("status").getByText("The account is unlinked.").waitFor();
    await accounts.getByText("GitHub, since").waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Link GitHub", exact: true }).waitFor();
    await page.getByText("The last account cannot be unlinked.").waitFor();
  });

  test("can be used with the keyboard alone", async () => {
    const context = await browser.open();
    const { page, person } = await signIn(context, "Google", newcomer());
    const title = `Analytical Engine of ${person.name}`;
    await page.reload();
    await tabTo(page, "link", "Skip to the content");
    await tabTo(page, "link", "New project");
    await page.keyboard.press("Enter");
    await accessible(page);
    await tabTo(page, "textbox", "Title");
    await page.keyboard.type(title);
    await tabTo(page, "checkbox", "Everybody can see it");
    await page.keyboard.press("Space");
    await tabTo(page, "button", "Save");
    await page.keyboard.press("Enter");
    await tabTo(page, "link", "Preview");
    await page.keyboard.press("Enter");
    await tabTo(page, "button", `Like ${title}, 0 likes`);
    await page.keyboard.press("Space");
    await page.getByRole("button", { name: `Like ${title}, 1 like`, pressed: true }).waitFor();
    await tabTo(page, "textbox", "Your comment");
    await page.keyboard.type("Tabs or spaces?");
    await tabTo(page, "button", "Comment");
    await page.keyboard.press("Enter");
    await tabTo(page, "button", "Edit the comment");
    await page.keyboard.press("Enter");
    await tabTo(page, "textbox", "Text of the comment");
    await page.keyboard.press("ControlOrMeta+A");
    await page.keyboard.type("Tabs.");
    await tabTo(page, "button", "Save the comment");
    await page.keyboard.press("Enter");
    await page.getByRole("list", { name: "Comments" }).getByText("Tabs.", { exact: true }).waitFor();
    await page.reload();
    await tabTo(page, "button", "Sign out");
    await page.keyboard.press("Enter");
    await page.getByRole("link", { name: "Sign in" }).waitFor();
  });

  describe("and a session", () => {
    for (const provider of ["GitHub", "Google"]) {
      test(`begins at ${provider}`, async () => {
        const { page } = await signIn(await browser.open(), provider);
        await page.getByRole("button", { name: "Sign out" }).click();
        await page.getByRole("link", { name: "Sign in" }).waitFor();
        await page.reload();
        await page.getByRole("link", { name: "Sign in" }).waitFor();
      });
    }

    test("does not begin if the person declines or the provider fails", async () => {
      const page = await (await browser.open()).newPage();
      const address = new URL(await askProvider(page, "GitHub"));
      address.searchParams.set("decision", "deny");
      await page.goto(address.href);
      await page.waitForURL(`${site}/sign-in?**`);
      await page.getByRole("alert").getByText("You did not allow the access.").waitFor();
      await accessible(page);

      const { searchParams } = new URL(await askProvider(page, "GitHub"));
      await page.goto(`${api}/api/auth/callback/github?${new URLSearchParams({ code: "wrong", state: searchParams.get("state") })}`);
      await page.waitForURL(`${site}/sign-in?**`);
      await page.getByRole("alert").getByText("The sign-in at the provider failed").waitFor();
      await page.getByRole("link", { name: "Sign in" }).waitFor();
    });

    test("does not begin for somebody who is banned", async () => {
      const { page, person } = await signIn(await browser.open());
      await page.getByRole("button", { name: "Sign out" }).click();
      await page.getByRole("link", { name: "Sign in" }).waitFor();
      await change(person, `update "user" set banned = true where email = $1`);
      await page.goto(agree(await askProvider(page, "GitHub"), person));
      await page.getByRole("alert").getByText("This account is banned.").waitFor();
    });

    test("ends in all tabs at once", async () => {
      const context = await browser.open();
      const { page, person } = await signIn(context);
      const other = await context.newPage();
      await other.goto("/settings");
      await other.getByLabel("Name", { exact: true }).waitFor();
      await page.getByRole("button", { name: "Sign out" }).click();
      await other.bringToFront();
      await other.getByRole("heading", { level: 1, name: "Sign in first" }).waitFor();
      assert.equal(await other.getByText(person.name).count(), 0);
    });

    test("that has expired is noticed", async () => {
      const context = await browser.open();
      const { page, person } = await signIn(context);
      const title = `Tables of ${person.name}`;
      await publish(page, title);
      await change(person, `update session set "expiresAt" = "createdAt" where ${ofPerson}`);
      await page.getByRole("button", { name: `Like ${title}` }).click();
      await page.getByRole("navigation").getByRole("link", { name: "Sign in" }).waitFor();
    });

    test("does not open the drafts of others", async () => {
      const { page, person } = await signIn(await browser.open());
      const path = await publish(page, `Secret of ${person.name}`);
      await page.getByRole("link", { name: "Edit" }).click();
      await page.getByLabel("Everybody can see it").uncheck();
      await page.getByRole("button", { name: "Save" }).click();
      await page.getByRole("status").getByText("Saved.").waitFor();
      await page.goto(path);
      await page.getByText("Draft, only for you").waitFor();
      const stranger = await (await browser.open()).newPage();
      await stranger.goto(path);
      await stranger.getByRole("heading", { level: 1, name: "This project does not exist, or is private" }).waitFor();
    });

    test("over its limit says how long to wait", async () => {
      const context = await browser.open();
      const { page, person } = await signIn(context);
      const title = `Busy ${person.name}`;
      const path = await publish(page, title);
      let answer;
      do {
        answer = await context.request.put(`${api}${path}/like`, { headers: { origin: site } });
      } while (answer.status() === 200);
      assert.equal(answer.status(), 429);
      await page.getByRole("button", { name: `Like ${title}` }).click();
      await page.getByRole("alert").getByText(/CodeCave is busy\. Try again in \d+ seconds\./).waitFor();
      await accessible(page);
    });

    test("that is offline goes on when it is back", async () => {
      const context = await browser.open();
      const { page, person } = await signIn(context);
      const title = `Patient ${person.name}`;
      await publish(page, title);
      await context.setOffline(true);
      await page.getByText("You are offline.").waitFor();
      await page.getByRole("button", { name: `Like ${title}` }).click();
      await page.getByRole("button", { name: `Like ${title}, 0 likes`, disabled: true }).waitFor();
      await context.setOffline(false);
      await page.getByRole("button", { name: `Like ${title}, 1 like`, pressed: true }).waitFor();
      await page.getByText("You are offline.").waitFor({ state: "detached" });
    });

    test("that ended elsewhere is not shown on the way back", async () => {
      const context = await browser.open();
      const { page, person } = await signIn(context);
      await page.getByRole("link", { name: "Settings" }).click();
      await page.getByLabel("Name", { exact: true }).waitFor();
      await page.evaluate(() => {
        window.addEventListener("pageshow", ({ persisted }) => {
          window.isFromCache = persisted;
        });
      });
      await page.goto(`${api}/health`);
      const answer = await context.request.post(`${api}/api/auth/sign-out`, { headers: { origin: site } });
      assert.equal(answer.status(), 200);
      // Playwright's own way back waits for a page that loads.
      await page.evaluate(() => setTimeout(() => history.back()));
      await page.getByRole("heading", { level: 1, name: "Sign in first" }).waitFor();
      assert.equal(await page.evaluate(() => window.isFromCache), true);
      assert.equal(await page.getByText(person.name).count(), 0);
    });
  });
});
