import "./style.css";

import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Route, Switch } from "wouter";

import { queries } from "./api";
import { Layout } from "./layout";
import { Editor } from "./pages/editor";
import { Home } from "./pages/home";
import { Network } from "./pages/network";
import { Notifications } from "./pages/notifications";
import { People } from "./pages/people";
import { Profile } from "./pages/profile";
import { ProjectPage } from "./pages/project";
import { Projects } from "./pages/projects";
import { Saved } from "./pages/saved";
import { Settings } from "./pages/settings";
import { SignIn } from "./pages/sign-in";
import { SignedIn } from "./parts/signed-in";
import { Title } from "./parts/title";

const routes = (
  <Switch>
    <Route path="/">
      <Home />
    </Route>
    <Route path="/sign-in">
      <SignIn />
    </Route>
    <Route path="/projects">
      <Projects />
    </Route>
    <Route path="/projects/new">
      <SignedIn>{() => <Editor />}</SignedIn>
    </Route>
    <Route path="/projects/:projectId">{({ projectId }) => <ProjectPage key={projectId} projectId={projectId} />}</Route>
    <Route path="/projects/:projectId/edit">
      {({ projectId }) => <SignedIn>{() => <Editor key={projectId} projectId={projectId} />}</SignedIn>}
    </Route>
    <Route path="/people">
      <SignedIn>{() => <People />}</SignedIn>
    </Route>
    <Route path="/people/:userId">{({ userId }) => <Profile key={userId} userId={userId} />}</Route>
    <Route path="/people/:userId/network">{({ userId }) => <Network key={userId} userId={userId} />}</Route>
    <Route path="/saved">
      <SignedIn>{(me) => <Saved userId={me.id} />}</SignedIn>
    </Route>
    <Route path="/notifications">
      <SignedIn>{() => <Notifications />}</SignedIn>
    </Route>
    <Route path="/settings">
      <SignedIn>{() => <Settings />}</SignedIn>
    </Route>
    <Route>
      <Title>There is no such page</Title>
    </Route>
  </Switch>
);

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={queries}>
        <Layout>{routes}</Layout>
      </QueryClientProvider>
    </StrictMode>,
  );
}
