import type { Notification } from "@codecave/api";
import { listNotificationsInfiniteOptions, readNotificationsMutation } from "@codecave/api/query";
import { useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { Link } from "wouter";

import { Failure } from "../parts/failure";
import { List } from "../parts/list";
import { Title } from "../parts/title";

export function Notifications() {
  const notifications = useInfiniteQuery(listNotificationsInfiniteOptions());
  const read = useMutation(readNotificationsMutation());
  const newest = notifications.data?.[0];
  return (
    <>
      <Title>Notifications</Title>
      {newest && (
        <button onClick={() => read.mutate({ body: { before: newest.createdAt } })} disabled={read.isPending}>
          Mark all as read
        </button>
      )}
      <Failure error={read.error} />
      <List label="Notifications" query={notifications} empty="Nothing has happened yet.">
        {(notification) => <OneNotification notification={notification} />}
      </List>
    </>
  );
}

function OneNotification({ notification: { actor, comment, createdAt, isRead, project, type } }: { notification: Notification }) {
  return (
    <article>
      <p>
        {!isRead && <strong>New: </strong>}
        <Link href={`/people/${actor.id}`}>{actor.name}</Link>{" "}
        {{ like: "likes", comment: "commented on", follow: "follows you" }[type]}{" "}
        {project && <Link href={`/projects/${project.id}`}>{project.title}</Link>} {new Date(createdAt).toLocaleDateString("en")}
      </p>
      {comment && <blockquote>{comment.content}</blockquote>}
    </article>
  );
}
