import type { Self } from "@codecave/api";
import { getProfileOptions, updateProfileMutation, uploadFileMutation } from "@codecave/api/query";
import { useMutation, useQuery } from "@tanstack/react-query";
import type { FormEvent } from "react";

import { Failure } from "../parts/failure";
import { field, words } from "../parts/form";

export function ProfileSettings() {
  const { data, error } = useQuery(getProfileOptions());
  return (
    <section aria-labelledby="profile">
      <h2 id="profile">Profile</h2>
      <Failure error={error} />
      {data && (
        <>
          <ProfileForm key={data.user.updatedAt} me={data.user} />
          <Avatar />
        </>
      )}
    </section>
  );
}

function ProfileForm({ me }: { me: Self }) {
  const update = useMutation(updateProfileMutation());
  const save = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    const text = (name: string) => field(form, name) || null;
    update.mutate({
      body: {
        name: field(form, "name"),
        bio: text("bio"),
        website: text("website"),
        location: text("location"),
        company: text("company"),
        skills: words(form, "skills"),
      },
    });
  };
  return (
    <form onSubmit={save}>
      <label>
        Name
        <input name="name" required maxLength={255} defaultValue={me.name} autoComplete="name" />
      </label>
      <label>
        About you
        <textarea name="bio" maxLength={500} defaultValue={me.bio ?? ""} />
      </label>
      <label>
        Website
        <input name="website" maxLength={255} defaultValue={me.website ?? ""} autoComplete="url" />
      </label>
      <label>
        Place
        <input name="location" maxLength={255} defaultValue={me.location ?? ""} />
      </label>
      <label>
        Company
        <input name="company" maxLength={255} defaultValue={me.company ?? ""} autoComplete="organization" />
      </label>
      <label>
        Skills, with commas between them
        <input name="skills" defaultValue={me.skills.join(", ")} />
      </label>
      <p>
        <button disabled={update.isPending}>Save the profile</button>
      </p>
      <Failure error={update.error} />
    </form>
  );
}

function Avatar() {
  const update = useMutation(updateProfileMutation());
  const upload = useMutation({
    ...uploadFileMutation(),
    onSuccess: ({ imageUrl }) => update.mutate({ body: { avatar: imageUrl } }),
  });
  return (
    <>
      <label>
        Picture{" "}
        <input
          type="file"
          accept="image/png,image/jpeg,image/webp,image/gif"
          disabled={upload.isPending}
          onChange={({ target }) => target.files?.[0] && upload.mutate({ file: target.files[0] })}
        />
      </label>
      <p role="status">{update.isSuccess && "The picture is changed."}</p>
      <Failure error={upload.error ?? update.error} />
    </>
  );
}
